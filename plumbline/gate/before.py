"""What the publication before has: its columns, and what it held back since when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.gate.cells import Cell
from plumbline.indicators.sight import Days, Range, common, without

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# The database that it is attached as.
BEFORE = "last_good"


@dataclass(frozen=True)
class Previous:
    """The publication before: its file, its name, and whether it held anything back."""

    path: Path
    publication_id: str
    holds: bool = True


@dataclass(frozen=True)
class Since:
    """Days that are held, or in doubt, since when, and the publication that was good before."""

    days: Range
    moment: datetime
    last_good: str


class Before:
    """What the publication before has; nothing where none is attached."""

    def __init__(self, con: DuckDBPyConnection, publication_id: str, attached: bool) -> None:
        self._con, self._publication_id = con, publication_id
        self.columns: dict[str, dict[str, str]] = {}
        self._holds: dict[tuple[str, ...], list[Since]] = {}
        self._doubts: dict[tuple[str, ...], list[Since]] = {}
        if attached:
            self._read()

    def _read(self) -> None:
        rows = self._con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns()"
            f" WHERE database_name = '{BEFORE}' AND schema_name = 'published'"
        ).fetchall()
        for table, column, kind in rows:
            self.columns.setdefault(table, {})[column] = kind
        self._holds = self._since("hold", ("metric", "dimensions", "filter"))
        self._doubts = self._since("doubt", ("mart", "column_name", "time_column"))
        self._metrics = {
            name for (name,) in self._con.execute(f"SELECT name FROM {BEFORE}.published.indicator").fetchall()
        }

    def _since(self, table: str, keys: tuple[str, ...]) -> dict[tuple[str, ...], list[Since]]:
        """Read a table of what is held; one of an older make was about all periods."""
        known, found = self.columns.get(table, {}), dict[tuple[str, ...], list[Since]]()
        wanted = (*keys, "held_since", "last_good", "period_start", "period_end")
        columns = ", ".join(name if name in known else f"NULL AS {name}" for name in wanted)
        query = f"SELECT {columns} FROM {BEFORE}.published.{table} ORDER BY held_since, period_start"
        for *key, since, good, first, last in self._con.execute(query).fetchall() if known else ():
            days = (first or date.min, last or date.max)
            found.setdefault(tuple(part or "" for part in key), []).append(Since(days, since, good or ""))
        return found

    def held_since(self, cell: Cell, days: Days, now: datetime) -> list[Since]:
        """Tell of days on which a cell is held since when that is so."""
        known = bool(self.columns) and cell.metric in self._metrics
        held = self._holds.get(_key(cell), ())
        return list(_told(days, held, now, self._publication_id if known else ""))

    def doubted_since(self, part: tuple[str, str, str], days: Days, now: datetime) -> list[Since]:
        """Tell of days on which a column of a mart is in doubt, by a date of it, since when that is so."""
        return list(_told(days, self._doubts.get(part, ()), now, self._publication_id))

    def released(self, held: Iterable[Cell]) -> tuple[Cell, ...]:
        """Give the cells that were held, and are no longer."""
        now = {_key(cell) for cell in held}
        gone = (key for key in self._holds if key not in now)
        return tuple(Cell(metric, _split(by, ","), _split(where, " AND ")) for metric, by, where in gone)


def _key(cell: Cell) -> tuple[str, ...]:
    return (cell.metric, ",".join(cell.dimensions), " AND ".join(cell.where))


def _told(days: Days, known: Iterable[Since], now: datetime, last_good: str) -> Iterator[Since]:
    """Divide days into those that were held before, since their own time, and those held from now on."""
    for since in known:
        both = common(days, (since.days,))
        yield from (Since(each, since.moment, since.last_good) for each in both)
        days = without(days, both)
    yield from (Since(each, now, last_good) for each in days)


def _split(joined: str, by: str) -> tuple[str, ...]:
    return tuple(joined.split(by)) if joined else ()
