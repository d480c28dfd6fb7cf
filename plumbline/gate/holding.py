"""Keep figures back: what is held gives way to the last good figure, and says so.

Works on the schema `candidates`, after the gate has ruled and before publication. Periods and members that
the last good publication had keep its values; new ones have none. Targets and lights follow the values.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from plumbline.definitions import Definitions
from plumbline.gate.before import BEFORE, Before, Previous
from plumbline.gate.cells import Cell
from plumbline.gate.decide import RANK, Decision, Ruling, Spoiled, verdict_of
from plumbline.gate.decide import told as told_of
from plumbline.gate.wide import hold_wide, wide_questions, write_verdicts
from plumbline.indicators.sight import EVER, Range
from plumbline.indicators.tables import LONG_COLUMNS
from plumbline.indicators.targets import write_targets
from plumbline.warehouse.tables import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HOLD_COLUMNS = (
    ("metric", "VARCHAR"),
    ("dimensions", "VARCHAR"),
    ("filter", "VARCHAR"),
    ("period_start", "DATE"),
    ("period_end", "DATE"),
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
    ("time_column", "VARCHAR"),
    ("period_start", "DATE"),
    ("period_end", "DATE"),
    ("verdict", "VARCHAR"),
    ("reason", "VARCHAR"),
    ("held_since", "TIMESTAMP"),
    ("last_good", "VARCHAR"),
)


@dataclass(frozen=True)
class Hold:
    """One cell that is kept back on some days: why, since when, and which publication has its good figures.

    `last_good` is empty where the figure has never been published.
    """

    cell: Cell
    ruling: Ruling
    days: Range
    since: datetime
    last_good: str = ""

    def row(self) -> list[object]:
        """Give the row of `candidates.hold`."""
        check = self.ruling.decisive
        return [
            self.cell.metric,
            ",".join(self.cell.dimensions),
            " AND ".join(self.cell.where),
            *_bounds(self.days),
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
class Holding:
    """What is held back, and the cells that no longer are."""

    holds: tuple[Hold, ...]
    released: tuple[Cell, ...] = ()


def hold(
    con: DuckDBPyConnection,
    definitions: Definitions,
    decision: Decision,
    *,
    doubtful: Collection[Spoiled],
    previous: Previous | None,
    as_of: date,
    now: datetime,
) -> Holding:
    """Write the rulings into `candidates`, with the last good figures of what is held.

    `doubtful` are columns of marts that failed checks spoil. `now` (UTC) is since when a cell is held that
    was not held in the `previous` publication. All or nothing.
    """
    con.execute("BEGIN TRANSACTION")
    attached = previous is not None and bool(decision.held or doubtful or previous.holds)
    try:
        if previous and attached:
            con.execute(f"ATTACH '{_escaped(str(previous.path))}' AS {BEFORE} (READ_ONLY)")
        before = Before(con, previous.publication_id if previous else "", attached)
        holds = [each for cell, ruling in decision.held.items() for each in _holds(cell, ruling, before, now)]
        _write(con, "hold", HOLD_COLUMNS, [each.row() for each in holds])
        _write(con, "doubt", DOUBT_COLUMNS, [row for each in doubtful for row in _doubts(each, before, now)])
        _write_rulings(con, definitions, decision)
        if holds:
            _hold_long(con, before)
            for question in wide_questions(definitions):
                hold_wide(con, question, decision, before)
            write_targets(con, definitions, as_of)
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    finally:
        if attached:
            con.execute(f"DETACH DATABASE IF EXISTS {BEFORE}")
    return Holding(tuple(holds), before.released(decision.held))


def _holds(cell: Cell, ruling: Ruling, before: Before, now: datetime) -> Iterator[Hold]:
    for part in ruling.by_days:
        for since in before.held_since(cell, part.days, now) if part.is_held else ():
            yield Hold(cell, part, since.days, since.moment, since.last_good)


def _doubts(spoiled: Spoiled, before: Before, now: datetime) -> Iterator[list[object]]:
    """Give the rows of `candidates.doubt`: for each date of the mart the days that are in doubt, or all."""
    told = [verdict_of(spoiled.check), told_of(spoiled.check)]
    for time, days in (spoiled.days or {"": EVER}).items():
        for since in before.doubted_since((spoiled.mart, spoiled.column, time), days, now):
            place = [spoiled.mart, spoiled.column, time or None, *_bounds(since.days)]
            yield [*place, *told, since.moment, since.last_good or None]


def _bounds(days: Range) -> tuple[date | None, date | None]:
    """Give both ends; None for one that is open."""
    first, last = days
    return None if first == date.min else first, None if last == date.max else last


def _write(
    con: DuckDBPyConnection, table: str, columns: tuple[tuple[str, str], ...], rows: list[list[object]]
) -> None:
    typed = ", ".join(f"{name} {kind}" for name, kind in columns)
    con.execute(f"CREATE OR REPLACE TABLE candidates.{table} ({typed})")
    insert_rows(con, f"candidates.{table}", rows)


_RULED = """
CREATE OR REPLACE TEMP TABLE ruled (place INTEGER, metric VARCHAR, dimensions VARCHAR, verdict VARCHAR,
    reason VARCHAR, first DATE, last DATE, of_periods BOOLEAN)"""
# Of several rulings on a figure that of the lowest place counts.
_WRITTEN = """
UPDATE candidates.indicator_value AS figures SET verdict = told.verdict, reason = told.reason
FROM (
    SELECT there.rowid AS row, arg_min(ruled.verdict, place) AS verdict,
        arg_min(ruled.reason, place) AS reason
    FROM candidates.indicator_value AS there
    INNER JOIN temp.ruled ON ruled.metric = there.metric AND ruled.dimensions = there.dimensions
        AND CASE WHEN there.period_start IS NULL THEN NOT of_periods
            ELSE of_periods AND there.period_end >= first AND there.period_start <= last END
    GROUP BY there.rowid
) AS told
WHERE figures.rowid = told.row"""


def _write_rulings(con: DuckDBPyConnection, definitions: Definitions, decision: Decision) -> None:
    """Write verdict and reason beside every figure that is not plainly certified."""
    rows = [
        row for cell, ruling in decision.rulings.items() if not cell.where for row in _ruled(cell, ruling)
    ]
    if rows:
        con.execute(_RULED)
        rows.sort(key=lambda row: RANK.index(row[2]))
        given = [list(column) for column in zip(*rows, strict=True)]
        kinds = ("VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "DATE", "DATE", "BOOLEAN")
        unnested = ", ".join(f"unnest(?::{kind}[])" for kind in kinds)
        con.execute(f"INSERT INTO temp.ruled SELECT unnest(range({len(rows)})), {unnested}", given)
        con.execute(_WRITTEN)
        con.execute("DROP TABLE temp.ruled")
    for question in wide_questions(definitions):
        write_verdicts(con, question, decision)


def _ruled(cell: Cell, ruling: Ruling) -> Iterator[tuple[Any, ...]]:
    place = (cell.metric, ",".join(cell.dimensions))
    yield (*place, ruling.verdict, ruling.reason, date.min, date.max, False)
    for part in ruling.by_days:
        for first, last in part.days:
            yield (*place, part.verdict, part.reason, first, last, True)


# A figure of no period is held when any is.
_HELD = """hold.metric = figures.metric AND hold.dimensions = figures.dimensions AND hold.filter = ''
    AND (figures.period_start IS NULL
        OR (coalesce(figures.period_end >= hold.period_start, true)
            AND coalesce(figures.period_start <= hold.period_end, true)))"""
_ONE_HOLD = """QUALIFY 1 = row_number() OVER (
    PARTITION BY figures.metric, figures.grain, figures.dimensions, figures.members, figures.period_start
    ORDER BY hold.verdict, hold.held_since, hold.period_start)"""


def _hold_long(con: DuckDBPyConnection, before: Before) -> None:
    """Put the last good rows of the long table in the place of those that are held."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE kept_back AS
        SELECT figures.* REPLACE (hold.held_since AS held_since, hold.last_good AS last_good)
        FROM candidates.indicator_value AS figures
        INNER JOIN candidates.hold AS hold ON {_HELD} {_ONE_HOLD}""")
    con.execute(
        f"DELETE FROM candidates.indicator_value AS figures USING candidates.hold AS hold WHERE {_HELD}"
    )
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
        f" FROM {BEFORE}.published.indicator_value AS figures"
        f" INNER JOIN candidates.hold AS hold ON {_HELD} {_ONE_HOLD}"
    )


def _escaped(value: str) -> str:
    return value.replace("'", "''")
