"""Published tables in memory, in the rows and the order that questions read them in.

What a question of whole periods without conditions takes of a table is a range of its periods: the figures,
and whether a period is counted in part, are the same in every range. So the rows are read once per
generation, by the SQL of a question without a range, and ranges are cut from them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from plumbline.serving import formats
from plumbline.serving.answer import Cut, Rows
from plumbline.serving.least_used import Kept

# Cells of one reading that is kept, and of all of them: about 150 bytes each.
_LARGEST, _ALL = 100_000, 600_000


@dataclass(frozen=True)
class KeptRows:
    """Rows of a table; `days` are the first days of their periods where they are in the order of time.

    `texts` are the rows as JSON objects, each written when it is first asked for.
    """

    rows: Rows
    time: int
    days: tuple[date, ...] | None
    texts: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Rows, time: int) -> KeptRows:
        """Keep rows of which the column at `time` has the first day of a period."""
        days = tuple(row[time] for row in rows)
        is_known = all(isinstance(day, date) for day in days)
        return cls(rows, time, days if is_known and list(days) == sorted(days) else None, [""] * len(rows))

    def within(self, first: date | None, end: date | None, most: int | None = None) -> Cut:
        """Cut out the rows of the periods that begin from `first` on and before `end`, in their order."""
        places = self._places(first, end)[:most]
        if isinstance(places, range):
            rows: Rows = self.rows[places.start : places.stop]
        else:
            rows = [self.rows[place] for place in places]
        return Cut(rows, lambda names: self._written(names, places))

    def _places(self, first: date | None, end: date | None) -> Sequence[int]:
        if self.days is None:
            return [place for place, row in enumerate(self.rows) if _is_within(row[self.time], first, end)]
        start = bisect_left(self.days, first) if first else 0
        return range(start, bisect_left(self.days, end) if end else len(self.rows))

    def _written(self, names: Sequence[str], places: Sequence[int]) -> list[str]:
        missing = [place for place in places if not self.texts[place]]
        written = formats.json_objects(names, [self.rows[place] for place in missing])
        for place, text in zip(missing, written, strict=True):
            self.texts[place] = text
        return [self.texts[place] for place in places]


_TOO_LARGE = KeptRows((), 0, None)


class KeptTables:
    """Readings of the tables of one generation, the least used ones forgotten first; for many threads."""

    def __init__(self, largest: int = _LARGEST, most: int = _ALL) -> None:
        self._kept: Kept[str, KeptRows] = Kept(most, largest)

    def get(self, key: str, time: int, read: Callable[[], Rows]) -> KeptRows | None:
        """Give a reading, all of the same columns; None of a table that is too large to be kept."""
        found = self._kept.get(key)
        if found is None:
            rows = read()
            cells = len(rows) * len(rows[0]) if rows else 1
            is_small = cells <= self._kept.largest
            found = KeptRows.of(rows, time) if is_small else _TOO_LARGE
            self._kept.put(key, found, cells if is_small else 1)
        return None if found is _TOO_LARGE else found


def _is_within(day: date | None, first: date | None, end: date | None) -> bool:
    if day is None:
        return first is None and end is None
    return (first is None or day >= first) and (end is None or day < end)
