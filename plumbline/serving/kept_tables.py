"""Published tables in memory, in the rows and the order that questions read them in.

What a question of whole periods without conditions takes of a table is a range of its periods: the figures,
and whether a period is counted in part, are the same in every range. So the rows are read once per
generation, by the SQL of a question without a range, and ranges are cut from them.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date

from plumbline.serving.answer import Rows

# Cells of one reading that is kept, and of all of them: about 100 bytes each.
_LARGEST, _ALL = 100_000, 600_000


@dataclass(frozen=True)
class KeptRows:
    """Rows of a table; `days` are the first days of their periods where they are in the order of time."""

    rows: Rows
    time: int
    days: tuple[date, ...] | None

    @classmethod
    def of(cls, rows: Rows, time: int) -> KeptRows:
        """Keep rows of which the column at `time` has the first day of a period."""
        days = tuple(row[time] for row in rows)
        is_known = all(isinstance(day, date) for day in days)
        return cls(rows, time, days if is_known and list(days) == sorted(days) else None)

    def within(self, first: date | None, end: date | None) -> Rows:
        """Give the rows of the periods that begin from `first` on and before `end`, in their order."""
        if self.days is None:
            return [row for row in self.rows if _is_within(row[self.time], first, end)]
        start = bisect_left(self.days, first) if first else 0
        return self.rows[start : bisect_left(self.days, end) if end else None]


class KeptTables:
    """Readings of the tables of one generation, the least used ones forgotten first; for many threads."""

    def __init__(self, largest: int = _LARGEST, most: int = _ALL) -> None:
        self._largest, self._most = largest, most
        self._kept: OrderedDict[Hashable, KeptRows | None] = OrderedDict()
        self._cells = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, time: int, read: Callable[[], Rows]) -> KeptRows | None:
        """Give a reading; None of a table that is too large to be kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        rows = read()
        found = KeptRows.of(rows, time) if _cells(rows) <= self._largest else None
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._cells += _cells(found.rows) if found else 0
            self._forget()
        return found

    def _forget(self) -> None:
        while self._cells > self._most:
            _, found = self._kept.popitem(last=False)
            self._cells -= _cells(found.rows) if found else 0


def _cells(rows: Rows) -> int:
    return len(rows) * len(rows[0]) if rows else 1


def _is_within(day: date | None, first: date | None, end: date | None) -> bool:
    if day is None:
        return first is None and end is None
    return (first is None or day >= first) and (end is None or day < end)
