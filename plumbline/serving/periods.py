"""Dates as people give them, and the period to compare with."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from plumbline.errors import UsageError

_FORMS = re.compile(r"(\d{4})(?:-(?:Q([1-4])|W(?P<week>\d{2})|(\d{2})(?:-(\d{2}))?))?", re.IGNORECASE)
_YEARS = range(1000, 9999)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
# From the first to the last day.
_WEEK = timedelta(days=6)


@dataclass(frozen=True)
class Period:
    """A range of days, both ends included; an end may be open (None)."""

    start: date | None = None
    end: date | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether an end was left open."""
        return self.start is None or self.end is None

    def cuts(self, grain: str) -> bool:
        """Tell whether the range begins or ends within a period of this grain."""
        late = self.start is not None and first_day(self.start, grain) != self.start
        early = self.end is not None and last_day(first_day(self.end, grain), grain) != self.end
        return late or early

    def previous(self) -> Period:
        """Give the range of the same length that ends the day before; an open one stays as it is."""
        if self.start is None or self.end is None:
            return self
        end = self.start - timedelta(days=1)
        if months := _whole_months(self.start, self.end):
            return Period(add_months(self.start, -months), end)
        return Period(self.start - (self.end - self.start) - timedelta(days=1), end)

    def year_ago(self) -> Period:
        """Give the same range of the year before; the end of a month stays the end of its month."""
        if self.start is None or self.end is None:
            return self
        end = add_months(self.end, -12)
        whole = _whole_months(self.start, self.end)
        return Period(add_months(self.start, -12), _month_end(end) if whole else end)


def read_period(start: str | None, end: str | None) -> Period | None:
    """Read two dates: 2026, 2026-Q1, 2026-01 or 2026-01-31; an open end has no bound, two give None."""
    if not (start or end):
        return None
    first = _read(start, "--from")[0] if start else None
    last = _read(end, "--to")[1] if end else None
    if first and last and first > last:
        raise UsageError(
            f"the range ends before it starts: {first} to {last}",
            where=f"--from {start} --to {end}",
            todo="Give the first day with --from, the last one with --to.",
            code="bad-range",
        )
    return Period(first, last)


def read_whole_period(text: str, where: str) -> tuple[str, Period]:
    """Read one period, and how long it is: year 2026, quarter 2026-Q1, month 2026-01, week 2026-W05."""
    start, end = _read(text, where)
    if end - start == _WEEK:
        return "week", Period(start, end)
    count = _whole_months(start, end)
    return next((grain for grain, months in _MONTHS.items() if months == count), "day"), Period(start, end)


def first_day(day: date, grain: str) -> date:
    """Give the first day of the period of this grain that a day lies in."""
    if grain in _MONTHS:
        return date(day.year, (day.month - 1) // _MONTHS[grain] * _MONTHS[grain] + 1, 1)
    return day - timedelta(days=day.weekday() if grain == "week" else 0)


def last_day(start: date, grain: str) -> date:
    """Give the last day of the period of this grain that begins at `start`."""
    if grain in _MONTHS:
        return add_months(start, _MONTHS[grain]) - timedelta(days=1)
    return start + timedelta(days=6 if grain == "week" else 0)


def add_months(day: date, months: int) -> date:
    """Move a date by whole months; a day that the month lacks becomes its last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _whole_months(start: date, end: date) -> int:
    """Count whole calendar months, 0 when the range is not made of them."""
    if start.day != 1 or end != _month_end(end):
        return 0
    return (end.year - start.year) * 12 + end.month - start.month + 1


@lru_cache(4_096)
def _read(text: str, where: str) -> tuple[date, date]:
    """Give the first and the last day that a text means; `where` says what it was given for."""
    match = _FORMS.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError
        year, quarter, week, month, day = (int(part) if part else 0 for part in match.groups())
        if year not in _YEARS:
            raise ValueError(f"years are {_YEARS[0]} to {_YEARS[-1]}; an end that is left out is open")
        if day:
            return (date(year, month, day),) * 2
        if match["week"]:
            start = date.fromisocalendar(year, week, 1)
            return start, start + _WEEK
        first, count = (month, 1) if month else (3 * quarter - 2, 3) if quarter else (1, 12)
        start = date(year, first, 1)
        return start, add_months(start, count) - timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{text!r} is no date",
            where=where,
            why=f"{str(error).capitalize()}." if str(error) else "",
            todo="Write 2026-01-31, 2026-W05, 2026-01, 2026-Q1 or 2026.",
            code="bad-date",
        ) from None


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
