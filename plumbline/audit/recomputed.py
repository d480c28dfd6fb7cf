"""Compare what was computed again with what was published: every row but those that were held back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from plumbline.audit.differing import Side, first_difference
from plumbline.audit.proof import Difference
from plumbline.gate.decide import HELD, STALE
from plumbline.indicators.tables import VERDICT
from plumbline.indicators.targets import write_targets
from plumbline.publication.contents import rejected_rows
from plumbline.publication.digests import value_digest
from plumbline.publication.marts import Mart, inspect_marts
from plumbline.publication.shelf import Shelf
from plumbline.publication.sql import (
    Column,
    database_of,
    file_literal,
    identifier,
    in_parallel,
    literal,
    names,
    tables_of,
)
from plumbline.warehouse.contents import inspect_contents

if TYPE_CHECKING:
    import duckdb

    from plumbline.definitions import Definitions

Body = Mapping[str, Any]
THEN = "as_published"
# What was found, decided or first seen in a run is a record, and no figure.
RECORDED = ("doubt", "hold", "quality_result", "quarantine_reason", "restatement", "waiver")
_GATE = {"verdict", "reason", "held_since", "last_good"}
_STAMPS = {"publication_id", "published_at"}
_SEEN = {"first_load", "first_seen"}
_LONG = "indicator_value"
_LONG_KEY = ("metric", "grain", "period_start", "dimensions", "members")
_MARKS = ("is_partial", "partial_metrics")
_BACK = f"({literal(HELD)}, {literal(STALE)})"
_EVIDENCE = {
    "reconciliation": "SELECT * FROM quarantine.reconciliation",
    "extract": "SELECT * FROM landing_run.loads WHERE is_current",
}


@dataclass(frozen=True)
class Compared:
    """One table: its rows, how many of its values were held back and so left out, and where it differs."""

    table: str
    rows: int
    left_out: int = 0
    difference: Difference | None = None


@dataclass(frozen=True)
class _Pair:
    """A table as it was published, and as it was computed now; `key` tells its rows apart, where known."""

    table: str
    then: Side
    now: Side
    key: tuple[str, ...] = ()
    left_out: int = 0


@contextmanager
def attached(con: duckdb.DuckDBPyConnection, shelf: Shelf, body: Body) -> Iterator[None]:
    """Within, a publication is there to be compared with, under the name THEN."""
    path = literal(str(shelf.root / body["file"]))
    con.execute(f"ATTACH {path} AS {identifier(THEN)} (READ_ONLY)")
    try:
        yield
    finally:
        con.execute(f"DETACH {identifier(THEN)}")


def put_back(con: duckdb.DuckDBPyConnection, definitions: Definitions, as_of: date) -> int:
    """Put the figures that were held when it was published in the place of those computed now; count them.

    They were those of an earlier publication, of other extracts. Targets that rest on them follow.
    """
    then = identifier(THEN, "published", _LONG)
    columns = tables_of(con, THEN, "published").get(_LONG, ())
    if "verdict" not in {column.name for column in columns}:
        return 0
    con.execute(f"CREATE OR REPLACE TEMP TABLE put_back AS FROM {then} WHERE verdict IN {_BACK}")
    (held,) = con.execute("SELECT count(*) FROM temp.put_back").fetchone() or (0,)
    if held:
        same = " AND ".join(f"figures.{name} IS NOT DISTINCT FROM back.{name}" for name in _LONG_KEY)
        con.execute(
            f"DELETE FROM candidates.{_LONG} AS figures USING temp.put_back AS back WHERE {same};"
            f"INSERT INTO candidates.{_LONG} BY NAME"
            " SELECT * EXCLUDE (publication_id, published_at) FROM temp.put_back"
        )
        write_targets(con, definitions, as_of)
    return int(held)


def compare_tables(con: duckdb.DuckDBPyConnection, body: Body, held: int) -> list[Compared]:
    """Compare the published tables of the attached publication with the warehouse that `con` works in.

    `held` is the number of rows that were put back.
    """
    then = tables_of(con, THEN, "published")
    database = database_of(con)
    now = tables_of(con, database, "candidates")
    asked = [
        table["table"]
        for table in body["tables"]
        if table["schema"] == "published" and table["table"] not in RECORDED
    ]

    def compare(own: duckdb.DuckDBPyConnection, table: str) -> Compared:
        side = _evidence(own, table) or _candidate(database, table, now.get(table, ()))
        left_out = held if table == _LONG else 0
        return _compared(own, _pair(own, table, then.get(table, ()), side), left_out)

    return in_parallel(con, compare, asked)


def _evidence(con: duckdb.DuckDBPyConnection, table: str) -> Side | None:
    if table == "rejected_row":
        return Side.of(con, rejected_rows(con, "quarantine.rejected_rows")).without(_SEEN)
    return Side.of(con, _EVIDENCE[table]) if table in _EVIDENCE else None


def _candidate(database: str, table: str, columns: Sequence[Column]) -> Side:
    return Side(
        f"SELECT * FROM {identifier(database, 'candidates', table)}" if columns else "", tuple(columns)
    )


def _pair(con: duckdb.DuckDBPyConnection, table: str, then: Sequence[Column], now: Side) -> _Pair:
    relation = identifier(THEN, "published", table)
    if table == _LONG:
        # Without what the gate wrote; what was held is the same on both sides.
        kept = Side(f"SELECT * FROM {relation}", tuple(then)).without(_GATE | _STAMPS)
        return _Pair(table, kept, now.without(_GATE), _LONG_KEY)
    if any(column.name.endswith(VERDICT) for column in then):
        return _wide(con, table, relation, then, now)
    where = " WHERE is_current" if table == "extract" else ""
    side = Side(f"SELECT * FROM {relation}{where}", tuple(then))
    return _Pair(table, side.without(_SEEN) if table == "rejected_row" else side, now)


def _wide(
    con: duckdb.DuckDBPyConnection, table: str, relation: str, then: Sequence[Column], now: Side
) -> _Pair:
    """Compare a saved query without its verdicts; where a metric was held, without that figure."""
    metrics = [c.name.removesuffix(VERDICT) for c in then if c.name.endswith(VERDICT)]
    verdicts = {metric + VERDICT for metric in metrics}
    key = tuple(c.name for c in then if c.name not in {*metrics, *verdicts, *_MARKS})
    counts = ", ".join(f"count(*) FILTER ({identifier(name)} IN {_BACK})" for name in sorted(verdicts))
    held = sum(con.execute(f"SELECT {counts} FROM {relation}").fetchone() or ())
    whole = Side(f"SELECT * FROM {relation}", tuple(then))
    if not held or not now.columns:
        return _Pair(table, whole.without(verdicts), now.without(verdicts), key)
    left_out = verdicts | {"partial_metrics"}
    own, judged = now.without(verdicts), sorted(verdicts)
    joined = " AND ".join(f"n.{identifier(name)} IS NOT DISTINCT FROM t.{identifier(name)}" for name in key)
    select = (
        f"SELECT n.*, {', '.join(f't.{identifier(name)}' for name in judged)}"
        f" FROM ({own.select}) AS n LEFT JOIN {relation} AS t ON {joined or 'true'}"
    )
    fresh = Side(select, (*own.columns, *(Column(name, "VARCHAR") for name in judged)))
    was, is_now = (_without_held(side, metrics).without(left_out) for side in (whole, fresh))
    return _Pair(table, was, is_now, key, int(held))


def _without_held(side: Side, metrics: Sequence[str]) -> Side:
    """Leave out the held figures of each row, and the rows that have no others."""
    shown = ", ".join(
        f"CASE WHEN coalesce({identifier(name + VERDICT)}, '') NOT IN {_BACK} THEN {identifier(name)} END"
        f" AS {identifier(name)}"
        for name in metrics
    )
    present = " OR ".join(f"{identifier(name)} IS NOT NULL" for name in metrics)
    select = f"SELECT * FROM (SELECT * REPLACE ({shown}) FROM ({side.select})) WHERE {present}"
    return Side(select, side.columns)


def _compared(con: duckdb.DuckDBPyConnection, pair: _Pair, held: int) -> Compared:
    left_out = held or pair.left_out
    rows, digest = value_digest(con, f"({pair.then.select})", pair.then.columns)
    name = f"published.{pair.table}"
    is_alike = pair.then.columns == pair.now.columns
    if is_alike and (rows, digest) == value_digest(con, f"({pair.now.select})", pair.now.columns):
        return Compared(name, rows, left_out)
    found = first_difference(con, name, pair.then, pair.now, pair.key)
    return Compared(name, rows, left_out, found)


def compare_marts(con: duckdb.DuckDBPyConnection, shelf: Shelf, body: Body) -> list[Compared]:
    """Compare the marts by their digests; by their rows where these are of another version of DuckDB."""
    large = {part["file"].split("/")[1] for part in body["parts"]}
    contents, database = inspect_contents(con), database_of(con)
    by_month = {mart.name: mart for mart in inspect_marts(con, database, -1, contents)}
    whole = {mart.name: mart for mart in inspect_marts(con, database, sys.maxsize, contents)}
    found = {name: (by_month if name in large else whole)[name] for name in whole}
    return [
        _compared_mart(con, shelf, body, table, found.get(table["table"]))
        for table in body["tables"]
        if table["schema"] == "marts"
    ]


def _compared_mart(
    con: duckdb.DuckDBPyConnection, shelf: Shelf, body: Body, table: Body, mart: Mart | None
) -> Compared:
    name = f"marts.{table['table']}"
    if mart and (mart.facts.rows, mart.facts.digest) == (table["rows"], table["digest"]):
        return Compared(name, mart.rows)
    then = Side.of(con, _published_mart(shelf, body, table["table"]))
    now = Side(f"SELECT {names(mart.columns)} FROM {mart.relation}", mart.columns) if mart else Side("", ())
    return Compared(name, table["rows"], difference=first_difference(con, name, then, now, ()))


def _published_mart(shelf: Shelf, body: Body, mart: str) -> str:
    """Give SQL for the rows of a published mart; parts are where the shelf is now, not where it was."""
    files = [part["file"] for part in body["parts"] if part["file"].split("/")[1] == mart]
    if not files:
        return f"SELECT * FROM {identifier(THEN, 'marts', mart)}"
    return f"SELECT * FROM read_parquet([{', '.join(file_literal(shelf.root / file) for file in files)}])"
