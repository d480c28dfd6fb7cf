"""Which metrics a broken rule about candidates puts in doubt: those of the rows that break it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from plumbline.quality.context import StageContext
from plumbline.quality.evidence import Evidence
from plumbline.quality.expectation import Suite
from plumbline.quality.indicators import MetricTotal
from plumbline.quality.rules import Rule
from plumbline.quality.sql import column, table

if TYPE_CHECKING:
    import duckdb

# The column of a long candidate table that names the metric of a row.
_NAMED_BY = {
    "candidates.indicator_value": "metric",
    "candidates.target": "metric",
    "candidates.indicator": "name",
}


def metrics_in_doubt(
    con: duckdb.DuckDBPyConnection, suite: Suite, rule: Rule, context: StageContext
) -> tuple[str, ...] | None:
    """Name the metrics of the rows that break a rule; None where the rule does not tell them apart."""
    import duckdb

    if isinstance(rule, MetricTotal):
        return (rule.metric,)
    query = _query(suite.table, rule, context)
    if query is None:
        return None
    try:
        rows = con.execute(query.sql(dialect="duckdb")).fetchall()
    except duckdb.Error:  # offenders that have no such column, or no column at all
        return None
    return tuple(name for (name,) in rows if name) or None


def _query(relation: str, rule: Rule, context: StageContext) -> exp.Select | None:
    named_by = _NAMED_BY.get(relation)
    if named_by is None:
        return None
    if isinstance(rule, Evidence) and (own := rule.offenders(context)) is not None:
        return exp.select(column("metric")).distinct().from_(own.subquery("offenders"))
    broken = rule.broken(relation, context)
    if broken is None:
        return None
    return exp.select(column(named_by)).distinct().from_(table(relation)).where(broken)
