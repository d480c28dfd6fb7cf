"""Example rows for a failed expectation: read only when something failed, at most five."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from plumbline.quality.context import StageContext
from plumbline.quality.evidence import Evidence
from plumbline.quality.expectation import Expectation, Suite
from plumbline.quality.sql import column, table

if TYPE_CHECKING:
    import duckdb

LIMIT = 5
_AT_LEAST = 4
_WHERE_FROM = ("_load", "_row_number", "_reason")


def examples_of(
    con: duckdb.DuckDBPyConnection, suite: Suite, expectation: Expectation, context: StageContext
) -> tuple[Mapping[str, Any], ...]:
    """Read rows that break the rule: the key, the rule's columns, and the load and row they came from."""
    query = _query(con, suite, expectation, context)
    if query is None:
        return ()
    answer = con.execute(query.sql(dialect="duckdb"))
    names = [each[0] for each in answer.description]
    return tuple(
        {name: _plain(value) for name, value in zip(names, row, strict=True)} for row in answer.fetchall()
    )


def _query(
    con: duckdb.DuckDBPyConnection, suite: Suite, expectation: Expectation, context: StageContext
) -> exp.Expr | None:
    rule = expectation.rule
    if isinstance(rule, Evidence) and (own := rule.offenders(context)) is not None:
        return exp.select("*").from_(own.subquery("offenders")).limit(LIMIT)
    broken = rule.broken(suite.table, context)
    if broken is None:
        return None
    present = _columns(con, suite.table)
    named = [name for name in dict.fromkeys((*suite.key, *rule.columns)) if name in present]
    others = [name for name in present if name not in named and not name.startswith("_")]
    filled = named + others[: max(0, _AT_LEAST - len(named))]
    chosen = [column(name) for name in (*filled, *(name for name in _WHERE_FROM if name in present))]
    places = [exp.Literal.number(place) for place in range(1, len(chosen) + 1)]
    return exp.select(*chosen).from_(table(suite.table)).where(broken).order_by(*places).limit(LIMIT)


def _columns(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    schema, _, last = name.rpartition(".")
    found = con.execute(
        "select column_name from duckdb_columns()"
        " where database_name = current_database() and schema_name = ? and table_name = ?"
        " order by column_index",
        [schema or "main", last],
    ).fetchall()
    return [each for (each,) in found]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
