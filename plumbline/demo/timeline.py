"""Days, months and seconds: whole months are generated, and what is known on the as-of day is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from plumbline.demo.randomness import Flags, Floats, Ints

DAY = 86_400
NEVER = 2**40
"""A moment that no as-of day reaches, in seconds."""
_EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Count the days from 1970-01-01."""
    return (day - _EPOCH).days


@dataclass(frozen=True)
class Month:
    """One calendar month; `number` counts from the first month of the company's data."""

    number: int
    year: int
    month: int

    @property
    def key(self) -> int:
        return self.year * 12 + self.month

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def next(self) -> Month:
        return Month(self.number + 1, self.year + self.month // 12, self.month % 12 + 1)

    @property
    def days(self) -> Ints:
        return np.arange(day_number(self.first), day_number(self.next.first), dtype=np.int64)

    @property
    def name(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@dataclass(frozen=True)
class Timeline:
    """The span that is shown: from `start` (the first of a month) to the evening of `as_of`."""

    start: date
    as_of: date

    @property
    def first_day(self) -> int:
        return day_number(self.start)

    @property
    def last_day(self) -> int:
        return day_number(self.as_of)

    @property
    def cutoff(self) -> int:
        """Give the last second that is known."""
        return (self.last_day + 1) * DAY - 1

    def months(self) -> list[Month]:
        """List every month that the span touches."""
        found = [Month(0, self.start.year, self.start.month)]
        while found[-1].next.first <= self.as_of:
            found.append(found[-1].next)
        return found

    def years_since_start(self, days: Ints) -> Floats:
        """Measure time in years, for growth."""
        return np.asarray((days - self.first_day) / 365.25, dtype=np.float64)

    def known(self, moments: Ints) -> Flags:
        """Tell which moments lie on or before the as-of day."""
        return np.asarray(moments <= self.cutoff)

    def last_known(self, *moments: Ints) -> Ints:
        """Give the latest of the moments that is known already; the first is taken as known."""
        latest = moments[0]
        for moment in moments[1:]:
            latest = np.where(self.known(moment), np.maximum(latest, moment), latest)
        return latest


def default_span(today: date) -> tuple[date, date]:
    """Give three years up to yesterday: the start of the month three years back, and yesterday."""
    as_of = today - timedelta(days=1)
    return default_start(as_of), as_of


def default_start(as_of: date) -> date:
    """Give the first of the month three years before the month of `as_of`."""
    return date(as_of.year - 3, as_of.month, 1)


def weekday(days: Ints) -> Ints:
    """Give 0 for Monday to 6 for Sunday."""
    return np.asarray((days + 3) % 7, dtype=np.int64)


def next_working_day(days: Ints) -> Ints:
    """Move Saturdays and Sundays to the Monday after."""
    return np.asarray(days + np.array([0, 0, 0, 0, 0, 2, 1])[weekday(days)], dtype=np.int64)


def calendar_month(days: Ints) -> Ints:
    """Give the calendar month, 0 for January to 11 for December."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
