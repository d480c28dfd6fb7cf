"""Whole periods around dates, without a database."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime, timedelta

from plumbline.compiler.plan import Shift
from plumbline.definitions import Window

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
# From the first moment on, and before the second one; an empty text is no limit.
Span = tuple[str, str]


def filled(span: tuple[str, str], grain: str) -> Span:
    """Widen a time range to whole periods; gives the first moment, and the first one after the range."""
    start, end = (datetime.fromisoformat(text) for text in span)
    return _first(start, grain).isoformat(), _next(_first(end, grain), grain).isoformat()


def both_spans(one: Span | None, other: Span | None) -> Span | None:
    """Give the moments that lie in both ranges."""
    if not one or not other:
        return one or other
    ends = [end for end in (one[1], other[1]) if end]
    return max(one[0], other[0]), min(ends, default="")


def spanned(one: Span | None, other: Span | None) -> Span | None:
    """Give the moments from the first of two ranges to the last of them; no range is all moments."""
    if not one or not other:
        return None
    return min(one[0], other[0]), "" if "" in (one[1], other[1]) else max(one[1], other[1])


def touch(one: Span | None, other: Span | None) -> bool:
    """Whether nothing lies between two ranges."""
    if not one or not other:
        return True
    return (not other[1] or one[0] <= other[1]) and (not one[1] or other[0] <= one[1])


def through(day: str, grain: str) -> str:
    """Give the first moment after the period of a moment."""
    return _next(_first(datetime.fromisoformat(day), grain), grain).isoformat()


def looked_at(span: Span | None, shifts: Sequence[Shift], grain: str) -> Span | None:
    """Give the whole periods that a range looks at through shifts; None where that cannot be told."""
    if not span or not all(map(_is_known, shifts)):
        return None
    start, end = span
    if start:
        moment = datetime.fromisoformat(start)
        start = _first(_plus(_shifted(moment, shifts), -_slack(moment)), grain).isoformat()
    if end:
        moment = datetime.fromisoformat(end)
        last = _plus(_shifted(_plus(moment, -_INSTANT), shifts), _slack(moment))
        if not _slack(moment) and not any(shift.to_grain for shift in shifts):
            last = _plus(_shifted(moment, shifts), -_INSTANT)
        end = _next(_first(last, grain), grain).isoformat()
    return start, end


def _slack(moment: datetime) -> timedelta:
    """A month is no fixed number of days: the end of one may look at more than the end of another."""
    return _SLACK if moment.day > 1 else timedelta(0)


def led_up_to(span: Span | None, window: Window | None, grain_to_date: str) -> Span | None:
    """Give the moments that running totals within a range add up."""
    if not span:
        return None
    start, end = span
    if not start:
        return span
    if grain_to_date:
        return _first(datetime.fromisoformat(start), grain_to_date).isoformat(), end
    if window and window.grain in _DAYS:
        return _plus(_earlier(datetime.fromisoformat(start), window), -_SLACK).isoformat(), end
    return "", end


def followed(span: Span | None, window: Window | None) -> Span | None:
    """Give the moments at which something can follow the events of a range."""
    if not span:
        return None
    if not span[1] or not window or window.grain not in _DAYS:
        return span[0], ""
    end = datetime.fromisoformat(span[1])
    return span[0], _plus(_plus(end, _days(window)), _SLACK).isoformat()


_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_LENGTHS = {"hour": timedelta(hours=1), "minute": timedelta(minutes=1), "second": timedelta(seconds=1)}
_SLACK = timedelta(days=3)
_INSTANT = timedelta(microseconds=1)


def _plus(moment: datetime, length: timedelta) -> datetime:
    """Move a moment, as far as there are dates: people write 9999-12-31 for no end."""
    try:
        return moment + length
    except OverflowError:
        return datetime.min if length < timedelta(0) else datetime.max


def _days(window: Window) -> timedelta:
    return timedelta(days=min(window.count * _DAYS[window.grain], timedelta.max.days))


def _is_known(shift: Shift) -> bool:
    return bool(shift.to_grain or (shift.window and shift.window.grain in _DAYS))


def _shifted(moment: datetime, shifts: Sequence[Shift]) -> datetime:
    for shift in shifts:
        if shift.to_grain:
            moment = _first(moment, shift.to_grain)
        elif shift.window:
            moment = _earlier(moment, shift.window)
    return moment


def _earlier(moment: datetime, window: Window) -> datetime:
    if window.grain not in _MONTHS:
        return _plus(moment, -_days(window))
    months = moment.year * 12 + moment.month - 1 - window.count * _MONTHS[window.grain]
    year, month = months // 12, months % 12 + 1
    if year < datetime.min.year:
        return datetime.min
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def cuts(span: tuple[str, str], grain: str) -> bool:
    """Whether a range begins or ends within a period; an open end does not."""
    return any(_first(moment, grain) != moment for moment in map(datetime.fromisoformat, filter(None, span)))


def _first(moment: datetime, grain: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if grain in _MONTHS:
        months = _MONTHS[grain]
        return day.replace(month=(day.month - 1) // months * months + 1, day=1)
    if grain == "week":
        return _plus(day, -timedelta(days=day.weekday()))
    return day if grain == "day" else moment - (moment - day) % _LENGTHS.get(grain, timedelta.resolution)


def _next(moment: datetime, grain: str) -> datetime:
    if grain in _MONTHS:
        months = moment.year * 12 + moment.month - 1 + _MONTHS[grain]
        if months // 12 > datetime.max.year:
            return datetime.max
        return moment.replace(year=months // 12, month=months % 12 + 1)
    if grain in ("day", "week"):
        return _plus(moment, timedelta(days=7 if grain == "week" else 1))
    # A range of moments includes its last one.
    return _plus(moment, _LENGTHS.get(grain, timedelta.resolution))
