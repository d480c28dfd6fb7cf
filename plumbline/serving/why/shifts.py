"""Periods as a formula takes its inputs: the same, or some time earlier."""

from __future__ import annotations

from datetime import date, timedelta

from plumbline.definitions import MetricInput
from plumbline.serving.periods import Period, add_months, last_day

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}


def shifted(period: Period, item: MetricInput) -> Period | None:
    """Give the period that an input is taken from; None where it is no period of the same kind."""
    if item.offset_to_grain or period.start is None or period.end is None:
        return None
    if item.offset_window is None:
        return period
    count, grain = item.offset_window.count, item.offset_window.grain
    if grain in _DAYS:
        step = timedelta(days=count * _DAYS[grain])
        return Period(period.start - step, period.end - step)
    if grain not in _MONTHS:
        return None
    months = count * _MONTHS[grain]
    return Period(add_months(period.start, -months), _end(period.end, months))


def _end(day: date, months: int) -> date:
    """Move the end of a period back; the end of a month stays the end of its month."""
    moved = add_months(day, -months)
    is_last = last_day(day.replace(day=1), "month") == day
    return last_day(moved.replace(day=1), "month") if is_last else moved
