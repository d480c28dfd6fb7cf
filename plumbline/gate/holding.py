"""Keep figures back: what is held gives way to the last good figure, and says so.

Works on the schema `candidates`, after the gate has ruled and before publication. Periods and members that
the last good publication had keep its values; new ones have none. Targets and lights follow the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.definitions import Definitions
from plumbline.gate.cells import Cell, cells_in
from plumbline.gate.decide import Decision, Ruling, told, verdict_of
from plumbline.indicators.questions import Question, wide_question
from plumbline.indicators.tables import LONG_COLUMNS, VERDICT
from plumbline.indicators.targets import write_targets
from plumbline.quality import CheckResult
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BEFORE = "last_good"
_MARKS = ("is_partial", "partial_metrics")
HOLD_COLUMNS = (
    ("metric", "VARCHAR"),
    ("dimensions", "VARCHAR"),
    ("filter", "VARCHAR"),
    ("verdict", "VARCHAR"),
    ("reason", "VARCHAR"),
    ("table_name", "VARCHAR"),
    ("column_name", "VARCHAR"),
    ("expectation", "VARCHAR"),
    ("examples", "VARCHAR"),
    ("owner", "VARCHAR"),
    ("todo", "VARCHAR"),
    ("held_since", "TIMESTAMP"),
    ("last_good", "VARCHAR"),
)
DOUBT_COLUMNS = (
    ("mart", "VARCHAR"),
    ("column_name", "VARCHAR"),
    ("verdict", "VARCHAR"),
    ("reason", "VARCHAR"),
    ("held_since", "TIMESTAMP"),
    ("last_good", "VARCHAR"),
)


@dataclass(frozen=True)
class Hold:
    """One cell that is kept back: why, since when, and which publication has its last good figures.

    `last_good` is empty where the figure has never been published.
    """

    cell: Cell
    ruling: Ruling
    since: datetime
    last_good: str = ""

    def row(self) -> list[object]:
        """Give the row of `candidates.hold`."""
        check = self.ruling.decisive
        return [
            self.cell.metric,
            ",".join(self.cell.dimensions),
            " AND ".join(self.cell.where),
            self.ruling.verdict,
            self.ruling.reason,
            check.table,
            check.column,
            check.expected,
            json.dumps(check.examples, ensure_ascii=False) if check.examples else None,
            check.owner,
            check.todo,
            self.since,
            self.last_good or None,
        ]


@dataclass(frozen=True)
class Previous:
    """The publication before: its file, its name, and whether it held anything back."""

    path: Path
    publication_id: str
    holds: bool = True


@dataclass(frozen=True)
class Holding:
    """What is held back, and the cells that no longer are."""

    holds: tuple[Hold, ...]
    released: tuple[Cell, ...] = ()


def hold(
    con: DuckDBPyConnection,
    definitions: Definitions,
    decision: Decision,
    *,
    doubtful: Mapping[tuple[str, str], CheckResult],
    previous: Previous | None,
    as_of: date,
    now: datetime,
) -> Holding:
    """Write the rulings into `candidates`, with the last good figures of what is held.

    `doubtful` are columns of marts that a failed check spoils. `now` (UTC) is since when a cell is held that
    was not held in the `previous` publication. All or nothing.
    """
    con.execute("BEGIN TRANSACTION")
    attached = previous is not None and bool(decision.held or doubtful or previous.holds)
    try:
        if previous and attached:
            con.execute(f"ATTACH '{_escaped(str(previous.path))}' AS {_BEFORE} (READ_ONLY)")
        before = _Before(con, previous.publication_id if previous else "", attached)
        holds = [Hold(cell, ruling, *before.since(cell, now)) for cell, ruling in decision.held.items()]
        _write(con, "hold", HOLD_COLUMNS, [each.row() for each in holds])
        rows = [_doubt_row(part, check, before.doubted(part, now)) for part, check in doubtful.items()]
        _write(con, "doubt", DOUBT_COLUMNS, rows)
        _write_rulings(con, definitions, decision)
        if holds:
            _hold_long(con, holds, before)
            for question in _wide_questions(definitions):
                _hold_wide(con, question, decision, before)
            write_targets(con, definitions, as_of)
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    finally:
        if attached:
            con.execute(f"DETACH DATABASE IF EXISTS {_BEFORE}")
    return Holding(tuple(holds), before.released(decision))


class _Before:
    """What the publication before has."""

    def __init__(self, con: DuckDBPyConnection, publication_id: str, attached: bool) -> None:
        self._con = con
        self._publication_id = publication_id
        self.columns: dict[str, dict[str, str]] = {}
        self._holds: dict[tuple[str, str, str], tuple[datetime, str]] = {}
        self._doubts: dict[tuple[str, str], tuple[datetime, str]] = {}
        if attached:
            self._read()

    def _read(self) -> None:
        rows = self._con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns()"
            f" WHERE database_name = '{_BEFORE}' AND schema_name = 'published'"
        ).fetchall()
        for table, column, kind in rows:
            self.columns.setdefault(table, {})[column] = kind
        if "hold" in self.columns:
            held = self._con.execute(
                f"SELECT metric, dimensions, filter, held_since, last_good FROM {_BEFORE}.published.hold"
            ).fetchall()
            self._holds = {(m, d, f): (since, good or "") for m, d, f, since, good in held}
        if "doubt" in self.columns:
            doubted = self._con.execute(
                f"SELECT mart, column_name, held_since, last_good FROM {_BEFORE}.published.doubt"
            ).fetchall()
            self._doubts = {(mart, column): (since, good or "") for mart, column, since, good in doubted}
        self._metrics = {
            name
            for (name,) in self._con.execute(f"SELECT name FROM {_BEFORE}.published.indicator").fetchall()
        }

    def since(self, cell: Cell, now: datetime) -> tuple[datetime, str]:
        """Give since when a cell is held, and the publication that has its last good figures."""
        key = (cell.metric, ",".join(cell.dimensions), " AND ".join(cell.where))
        if key in self._holds:
            return self._holds[key]
        known = bool(self.columns) and cell.metric in self._metrics
        return now, self._publication_id if known else ""

    def released(self, decision: Decision) -> tuple[Cell, ...]:
        """Give the cells that were held, and are no longer."""
        then = (Cell(m, _split(d, ","), _split(f, " AND ")) for m, d, f in self._holds)
        return tuple(cell for cell in then if cell not in decision.held)

    def doubted(self, part: tuple[str, str], now: datetime) -> tuple[datetime, str]:
        """Give since when a column of a mart is in doubt, and the publication before that."""
        return self._doubts.get(part) or (now, self._publication_id)


def _split(joined: str, by: str) -> tuple[str, ...]:
    return tuple(joined.split(by)) if joined else ()


def _wide_questions(definitions: Definitions) -> Iterator[Question]:
    return (wide_question(definitions, saved) for saved in definitions.saved_queries.values())


def _doubt_row(part: tuple[str, str], check: CheckResult, since: tuple[datetime, str]) -> list[object]:
    mart, column = part
    day, last_good = since
    return [mart, column, verdict_of(check), told(check), day, last_good or None]


def _write(
    con: DuckDBPyConnection, table: str, columns: tuple[tuple[str, str], ...], rows: list[list[object]]
) -> None:
    typed = ", ".join(f"{name} {kind}" for name, kind in columns)
    con.execute(f"CREATE OR REPLACE TABLE candidates.{table} ({typed})")
    if rows:
        marks = f"({', '.join('?' * len(columns))})"
        values = [value for row in rows for value in row]
        con.execute(f"INSERT INTO candidates.{table} VALUES {', '.join([marks] * len(rows))}", values)


def _write_rulings(con: DuckDBPyConnection, definitions: Definitions, decision: Decision) -> None:
    """Write verdict and reason beside every figure that is not plainly certified."""
    rows = [
        (cell.metric, ",".join(cell.dimensions), ruling.verdict, ruling.reason)
        for cell, ruling in decision.rulings.items()
        if not cell.where
    ]
    if rows:
        marks = ", ".join(["(?, ?, ?, ?)"] * len(rows))
        con.execute(
            "UPDATE candidates.indicator_value AS figures SET verdict = ruled.verdict, reason = ruled.reason"
            f" FROM (VALUES {marks}) AS ruled (metric, dimensions, verdict, reason)"
            " WHERE figures.metric = ruled.metric AND figures.dimensions = ruled.dimensions",
            [cell for row in rows for cell in row],
        )
    for question in _wide_questions(definitions):
        ruled = _ruled(question, decision)
        if ruled:
            sets = ", ".join(f"{quoted(name + VERDICT)} = ?" for name in ruled)
            con.execute(
                f"UPDATE candidates.{quoted(question.name)} SET {sets}",
                [ruling.verdict for ruling in ruled.values()],
            )


def _ruled(question: Question, decision: Decision) -> dict[str, Ruling]:
    return {cell.metric: decision.rulings[cell] for cell in cells_in(question) if cell in decision.rulings}


def _hold_long(con: DuckDBPyConnection, holds: list[Hold], before: _Before) -> None:
    """Put the last good rows of the long table in the place of those that are held."""
    con.execute("""
        CREATE OR REPLACE TEMP TABLE kept_back AS
        SELECT figures.* REPLACE (hold.held_since AS held_since, hold.last_good AS last_good)
        FROM candidates.indicator_value AS figures
        INNER JOIN candidates.hold AS hold
            ON hold.metric = figures.metric AND hold.dimensions = figures.dimensions AND hold.filter = ''""")
    con.execute("""
        DELETE FROM candidates.indicator_value AS figures USING candidates.hold AS hold
        WHERE hold.metric = figures.metric AND hold.dimensions = figures.dimensions AND hold.filter = ''""")
    if "indicator_value" in before.columns:
        con.execute(_last_good_rows(before.columns["indicator_value"]))
    con.execute("""
        INSERT INTO candidates.indicator_value BY NAME
        SELECT * REPLACE (NULL AS value, NULL AS numerator, NULL AS denominator, NULL AS target,
            NULL AS attainment, NULL AS light)
        FROM temp.kept_back AS fresh
        ANTI JOIN candidates.indicator_value AS there
            ON there.metric = fresh.metric AND there.dimensions = fresh.dimensions
            AND there.grain = fresh.grain AND there.members = fresh.members
            AND there.period_start IS NOT DISTINCT FROM fresh.period_start""")
    con.execute("DROP TABLE temp.kept_back")


def _last_good_rows(known: Mapping[str, str]) -> str:
    own = {"verdict", "reason", "held_since", "last_good", "target", "attainment", "light"}
    taken = [f"figures.{name}" for name, _ in LONG_COLUMNS if name in known and name not in own]
    return (
        f"INSERT INTO candidates.indicator_value BY NAME SELECT {', '.join(taken)},"
        " hold.verdict, hold.reason, hold.held_since, hold.last_good"
        f" FROM {_BEFORE}.published.indicator_value AS figures"
        " INNER JOIN candidates.hold AS hold ON hold.metric = figures.metric"
        " AND hold.dimensions = figures.dimensions AND hold.filter = ''"
    )


def _hold_wide(con: DuckDBPyConnection, question: Question, decision: Decision, before: _Before) -> None:
    """Put the last good cells of a wide table in the place of those that are held."""
    held = [name for name, ruling in _ruled(question, decision).items() if ruling.is_held]
    if not held:
        return
    table = f"candidates.{quoted(question.name)}"
    types = {str(row[0]): str(row[1]) for row in con.execute(f"DESCRIBE {table}").fetchall()}
    keys = [item.published for item in question.group_by]
    known = before.columns.get(question.name, {})
    has_before = bool(known) and all(key in known for key in keys)
    there = [name for name in held if name in known] if has_before else []
    shared = [name for name in (*keys, *_MARKS) if name in known and has_before]
    columns = [_wide_column(name, kind, shared, held, there) for name, kind in types.items()]
    joined = " AND ".join(f"now.{quoted(key)} IS NOT DISTINCT FROM before.{quoted(key)}" for key in keys)
    source = f"(SELECT *, true AS is_there FROM {table}) AS now"
    if has_before:
        source += f" FULL JOIN {_BEFORE}.published.{quoted(question.name)} AS before ON {joined or 'true'}"
    present = ["now.is_there", *(f"before.{quoted(name)} IS NOT NULL" for name in there)]
    order = ", ".join(f"{quoted(key)} NULLS LAST" for key in keys)
    con.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT {', '.join(columns)} FROM {source}"
        f" WHERE {' OR '.join(present)}" + (f" ORDER BY {order}" if order else "")
    )


def _wide_column(name: str, kind: str, shared: list[str], held: list[str], there: list[str]) -> str:
    now, before, as_name = f"now.{quoted(name)}", f"before.{quoted(name)}", f" AS {quoted(name)}"
    if name in there:
        return f"TRY_CAST({before} AS {kind}){as_name}"
    if name in held:
        return f"CAST(NULL AS {kind}){as_name}"
    if name.endswith(VERDICT):
        # A row that only the last good publication has gets the verdicts of the others.
        return f"coalesce({now}, max({now}) OVER (), 'held'){as_name}"
    if name not in shared:
        return now + as_name
    if name == "partial_metrics":
        return _partial_metrics(held) + as_name
    return f"coalesce({now}, {before}){as_name}"


def _partial_metrics(held: list[str]) -> str:
    """Name what is partial now, except what is held, of which that counts which was partial then."""
    names = f"[{', '.join(_text(name) for name in held)}]"
    now = f"list_filter({_named('now')}, lambda each: NOT list_contains({names}, each))"
    then = f"list_filter({_named('before')}, lambda each: list_contains({names}, each))"
    return f"nullif(array_to_string(list_filter({now} || {then}, lambda each: each <> ''), ', '), '')"


def _named(row: str) -> str:
    return f"string_split(coalesce({row}.partial_metrics, ''), ', ')"


def _text(value: str) -> str:
    return f"'{_escaped(value)}'"


def _escaped(value: str) -> str:
    return value.replace("'", "''")
