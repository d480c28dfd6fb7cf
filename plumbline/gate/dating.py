"""From the rows that break a rule to the days on which figures can be wrong because of them.

Where a check names its rows, the wrong cells are followed through the models: which rows of a mart can
differ is told by what they carry of the wrong rows, and so on which days these count. What a figure of a
period sees of those days, `indicators.sight` tells. Wherever a day is not known for certain, every period
counts: where the day itself may be wrong, is empty, or is found over a way that is not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from plumbline.definitions import Definitions
from plumbline.gate.cells import Cell
from plumbline.indicators.reads import time_columns
from plumbline.indicators.sight import EVER, Days, Sights, few, sights_of, together
from plumbline.lineage import ROWS, Part
from plumbline.quality import CheckResult
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.lineage import Mark, Relation
    from plumbline.lineage.traced import Traced

Columns = Mapping[str, Mapping[str, str]]
# So many columns tell the rows of a mart that can differ.
_MANY = 4
# More rows are of all days, as good as always.
_MOST_ROWS = 100_000


class Ways(Protocol):
    """What can change figures, and over which tables; see plumbline.lineage."""

    def harmed(self, parts: Collection[Part]) -> Collection[Part]:
        """Give the columns and rows that these can change, themselves included."""

    def spoiled_with(self, table: str, columns: Collection[str]) -> Collection[str]:
        """Give the columns of a table that may be wrong in the same rows as some, for a common cause."""

    def over_rows(self, table: str, columns: Collection[str]) -> Collection[str]:
        """Name those columns that rest on several rows, so that one wrong row spoils others."""

    def direct(
        self, metric: str, dimensions: Sequence[str] = (), where: Sequence[str] = ()
    ) -> Iterable[Mark]:
        """Give what a figure reads itself."""


class Dating:
    """Tells on which days figures can be wrong because of a failed check.

    `relations` reads the SQL of the models, in the order in which they are built, when it is wanted.
    """

    def __init__(
        self,
        con: DuckDBPyConnection,
        definitions: Definitions,
        ways: Ways,
        relations: Callable[[], Iterable[Relation]] = tuple,
    ) -> None:
        self._con, self._definitions, self._ways, self._relations = con, definitions, ways, relations
        self._trails: dict[int, tuple[CheckResult, _Trail | None]] = {}
        self._sights: dict[Cell, Sights] = {}

    def follow(self, check: CheckResult) -> None:
        """Find out ahead what a failed check can have changed in the marts: it is remembered."""
        if trail := self._trail(check):
            for mart, times in time_columns(self._definitions).items():
                for time in sorted(times):
                    trail.days(f"marts.{mart}", time)

    def days(self, check: CheckResult, cell: Cell) -> Days:
        """Give the days of the periods in which a check can have changed a figure."""
        trail = self._trail(check)
        if trail is None:
            return EVER
        sights, found = self._sights_of(cell), []
        tables = trail.tables(self._ways.direct(*cell))
        for table in tables or ():
            wrong = trail.wrong_in(table)
            times = sights.of(table.removeprefix("marts."), wrong) if table.startswith("marts.") else None
            for time, several in (times or {"": ()}).items():
                days = trail.days(table, time)
                if days is None:
                    return EVER
                found += [seen for sight in several for seen in sight.seen(days)]
        return together(found) or EVER

    def mart_days(self, check: CheckResult, mart: str) -> dict[str, Days]:
        """Give the days of the rows of a mart that can differ, by each date that its rows count by."""
        trail = self._trail(check)
        times = sorted(time_columns(self._definitions).get(mart.removeprefix("marts."), ()))
        if trail is None:
            return {}
        return {time: days for time in times if (days := trail.days(mart, time)) is not None}

    def _sights_of(self, cell: Cell) -> Sights:
        if cell not in self._sights:
            self._sights[cell] = sights_of(self._definitions, [cell.metric], cell.dimensions, cell.where)
        return self._sights[cell]

    def _trail(self, check: CheckResult) -> _Trail | None:
        if id(check) not in self._trails:
            self._trails[id(check)] = (check, self._followed(check))
        return self._trails[id(check)][1]

    def _followed(self, check: CheckResult) -> _Trail | None:
        if not check.broken or check.about_age or check.metrics is not None:
            return None
        if (check.unexpected or 0) > _MOST_ROWS:
            return None
        columns = [column for table, column in check.touches if table == check.table and column != ROWS]
        if len(columns) < len(check.touches) or check.table.startswith("candidates."):
            return None
        rows = _Rows.kept(self._con, check, len(self._trails))
        return self._begun(rows, columns, check.table) if rows else None

    def _begun(self, rows: _Rows, columns: list[str], table: str) -> _Trail:
        spoiled = self._ways.spoiled_with(table, columns)
        others = self._ways.over_rows(table, {*spoiled} - {*columns})
        parts, doubtful, scattered = (
            [Part(table, name) for name in sorted(names)] for names in (columns, spoiled, others)
        )
        return _Trail(
            self._con,
            rows,
            parts,
            doubtful,
            harmed=frozenset(self._ways.harmed(parts)),
            in_doubt=frozenset(self._ways.harmed(doubtful)),
            scattered=frozenset(self._ways.harmed(scattered)),
            relations=self._relations,
            columns=self._columns,
        )

    @cached_property
    def _columns(self) -> Columns:
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self._con.execute(
            "SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns()"
            " WHERE database_name = current_database() AND NOT internal ORDER BY ALL"
        ).fetchall():
            found.setdefault(table.lower(), {})[column] = kind
        return found


@dataclass(frozen=True)
class _Rows:
    """The rows of a table that break a rule, kept beside it for this connection."""

    table: str
    name: str

    @classmethod
    def kept(cls, con: DuckDBPyConnection, check: CheckResult, number: int) -> _Rows | None:
        """Keep them; None when they are not those that were counted."""
        import duckdb

        schema, _, table = check.table.rpartition(".")
        relation = f"{quoted(schema)}.{quoted(table)}" if schema else quoted(table)
        name = f"temp.breaking_{number}"
        try:
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE breaking_{number} AS FROM {relation} WHERE {check.broken}"
            )
            (count,) = con.execute(f"SELECT count(*) FROM {name}").fetchone() or (0,)
        except duckdb.Error:
            return None
        return cls(check.table.lower(), name) if count and count == check.unexpected else None


@dataclass
class _Trail:
    """How far the wrong cells of some rows reach: which marts, and on which days.

    What made `parts` wrong may have made all `doubtful` ones wrong; `harmed` is what the former can change,
    `in_doubt` what the latter can: by these no day is told. `scattered` is what may be wrong in other rows.
    """

    con: DuckDBPyConnection
    rows: _Rows
    parts: list[Part]
    doubtful: list[Part]
    harmed: frozenset[Part]
    in_doubt: frozenset[Part]
    scattered: frozenset[Part]
    relations: Callable[[], Iterable[Relation]]
    columns: Columns
    _known: dict[tuple[str, str], Days | None] = field(default_factory=dict)

    def tables(self, marks: Iterable[Mark]) -> set[str] | None:
        """Name the tables by which they change a figure; None where it may be changed by other rows."""
        found = set()
        for mark in marks:
            part = Part(mark.table, mark.column)
            if part in (self.parts if mark.guarded else self.scattered):
                return None
            if not mark.guarded and part in self.harmed:
                found.add(mark.table)
        return found

    def wrong_in(self, table: str) -> set[str]:
        """Name the columns of a table that may be wrong, '' for its rows."""
        return {part.column for part in self.in_doubt if part.table == table}

    def days(self, table: str, time: str) -> Days | None:
        """Give the days of the rows of a table that can differ; None where that is not known."""
        if (table, time) not in self._known:
            self._known[table, time] = self._found(table.lower(), time.lower())
        return self._known[table, time]

    def _found(self, table: str, time: str) -> Days | None:
        import duckdb

        traced = self._traced.get(table)
        if traced is None or traced.is_clean or traced.columns.get(time, True):
            return None
        try:
            return self._ranges(self._query(table, time, traced))
        except (duckdb.Error, ValueError, OverflowError):
            return None

    def _query(self, table: str, time: str, traced: Traced) -> str:
        """Ask for the days of the wrong rows themselves, or of the rows that carry something of them."""
        if time in traced.carried:
            return f"SELECT {traced.carried[time].sql('duckdb')} AS day FROM {self.rows.name}"
        rows, day = Part(table, ROWS), Part(table, time)
        if any(Part(part.table.lower(), part.column.lower()) in (rows, day) for part in self.in_doubt):
            return ""
        told = [(name, value.sql("duckdb")) for name, value in traced.carried.items()]
        kept = [(name, value) for name, value in told if self._is_full(value)][:_MANY]
        if not kept:
            return ""
        schema, _, name = table.rpartition(".")
        among = " AND ".join(
            f"{quoted(own)} IN (SELECT {value} FROM {self.rows.name})" for own, value in kept
        )
        return f"SELECT {quoted(time)} AS day FROM {quoted(schema)}.{quoted(name)} WHERE {among}"

    def _is_full(self, value: str) -> bool:
        found = self.con.execute(f"SELECT bool_and({value} IS NOT NULL) FROM {self.rows.name}").fetchone()
        return bool(found and found[0])

    def _ranges(self, query: str) -> Days | None:
        if not query:
            return None
        days = self.con.execute(
            f"SELECT DISTINCT CASE WHEN isfinite(day) THEN CAST(day AS DATE) END FROM ({query})"
        ).fetchall()
        if not days or (None,) in days:
            return None
        return few(together((day, day) for (day,) in days if isinstance(day, date)))

    @cached_property
    def _traced(self) -> Mapping[str, Traced | None]:
        """Follow the wrong cells through the models that they harm."""
        from plumbline.lineage.traced import wrong_cells
        from plumbline.lineage.tracing import traced_through

        own = self.columns.get(self.rows.table)
        if own is None:
            return {}
        wrong = wrong_cells(own, [part.column for part in self.doubtful])
        harmed = {part.table.lower() for part in self.in_doubt}
        relations = self.relations() if harmed - {self.rows.table} else ()
        return traced_through(relations, self.rows.table, wrong, harmed, self.columns)
