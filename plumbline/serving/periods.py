"""Dates as people give them, and the period to compare with."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from plumbline.errors import UsageError

_FORMS = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})(?:-(\d{2}))?))?", re.IGNORECASE)
# What stands for an end that was left open: the compiler knows no time outside.
FIRST, LAST = date(2000, 1, 1), date(2040, 12, 31)


@dataclass(frozen=True)
class Period:
    """A range of days, both ends included."""

    start: date
    end: date

    @property
    def is_open(self) -> bool:
        """Tell whether an end was left open."""
        return self.start == FIRST or self.end == LAST

    @property
    def months(self) -> int:
        """Count whole calendar months, 0 when the range is not made of them."""
        if self.start.day != 1 or self.end != _month_end(self.end):
            return 0
        return (self.end.year - self.start.year) * 12 + self.end.month - self.start.month + 1

    def previous(self) -> Period:
        """Give the range of the same length that ends the day before."""
        end = self.start - timedelta(days=1)
        if self.months:
            return Period(add_months(self.start, -self.months), end)
        return Period(self.start - (self.end - self.start) - timedelta(days=1), end)

    def year_ago(self) -> Period:
        """Give the same range of the year before; the end of a month stays the end of its month."""
        end = add_months(self.end, -12)
        return Period(add_months(self.start, -12), _month_end(end) if self.months else end)


def read_period(start: str | None, end: str | None) -> Period | None:
    """Read two dates: 2026, 2026-Q1, 2026-01 or 2026-01-31; an open end has no bound, two give None."""
    if not (start or end):
        return None
    period = Period(_read(start)[0] if start else FIRST, _read(end)[1] if end else LAST)
    if period.start > period.end:
        raise UsageError(f"the range ends before it starts: {period.start} to {period.end}", code="bad-range")
    return period


def last_day(start: date, grain: str) -> date:
    """Give the last day of the period of this grain that begins at `start`."""
    if grain in {"day", "week"}:
        return start + timedelta(days=0 if grain == "day" else 6)
    return add_months(start, {"month": 1, "quarter": 3, "year": 12}[grain]) - timedelta(days=1)


def add_months(day: date, months: int) -> date:
    """Move a date by whole months; a day that the month lacks becomes its last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _read(text: str) -> tuple[date, date]:
    """Give the first and the last day that a text means."""
    match = _FORMS.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError
        year, quarter, month, day = (int(part) if part else 0 for part in match.groups())
        if day:
            return (date(year, month, day),) * 2
        first, count = (month, 1) if month else (3 * quarter - 2, 3) if quarter else (1, 12)
        start = date(year, first, 1)
        return start, add_months(start, count) - timedelta(days=1)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is no date",
            todo="Write 2026-01-31, 2026-01, 2026-Q1 or 2026.",
            code="bad-date",
        ) from None


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
