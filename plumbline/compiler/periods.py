"""Whole periods around dates, without a database."""

from __future__ import annotations

from datetime import datetime, timedelta

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def filled(span: tuple[str, str], grain: str) -> tuple[str, str]:
    """Widen a time range to whole periods; gives the first moment, and the first one after the range."""
    start, end = (datetime.fromisoformat(text) for text in span)
    return _first(start, grain).isoformat(), _next(_first(end, grain), grain).isoformat()


def _first(moment: datetime, grain: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if grain in _MONTHS:
        months = _MONTHS[grain]
        return day.replace(month=(day.month - 1) // months * months + 1, day=1)
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day if grain == "day" else moment


def _next(moment: datetime, grain: str) -> datetime:
    if grain in _MONTHS:
        months = moment.year * 12 + moment.month - 1 + _MONTHS[grain]
        return moment.replace(year=months // 12, month=months % 12 + 1)
    if grain in ("day", "week"):
        return moment + timedelta(days=7 if grain == "week" else 1)
    # A range of moments includes its last one.
    return (
        moment + timedelta(**{f"{grain}s": 1})
        if grain in ("hour", "minute", "second")
        else moment + timedelta(microseconds=1)
    )
