"""Which figures a broken rule about candidates puts in doubt: those of the rows that break it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from plumbline.quality.context import StageContext
from plumbline.quality.evidence import Evidence
from plumbline.quality.expectation import Suite
from plumbline.quality.indicators import MetricTotal
from plumbline.quality.results import Days
from plumbline.quality.rules import Rule
from plumbline.quality.sql import column, table

if TYPE_CHECKING:
    import duckdb

# So many metrics and periods are told apart; of more, all periods count.
_MOST = 20_000
# The column of a long candidate table that names the metric of a row.
_NAMED_BY = {
    "candidates.indicator_value": "metric",
    "candidates.target": "metric",
    "candidates.indicator": "name",
}


def figures_in_doubt(
    con: duckdb.DuckDBPyConnection, suite: Suite, rule: Rule, context: StageContext
) -> dict[str, Days] | None:
    """Name the metrics of the rows that break a rule, each with the days of their periods.

    Without days all periods are in doubt. None where the rule does not tell metrics apart.
    """
    if isinstance(rule, MetricTotal):
        return {rule.metric: ()}
    found = _offenders(suite.table, rule, context)
    if found is None:
        return None
    metric, offenders = found
    by_period = offenders.select(column(metric), column("period_start"), column("period_end")).distinct()
    spans: dict[str, list[tuple[Any, Any]]] = {}
    for name, first, last in _rows(con, by_period.order_by("1", "2", "3").limit(_MOST)) or ():
        if name:
            spans.setdefault(name, []).append((first, last))
    if 0 < sum(map(len, spans.values())) < _MOST:
        return {
            name: () if any(None in each for each in days) else tuple(days) for name, days in spans.items()
        }
    names = _rows(con, offenders.select(column(metric)).distinct().order_by("1")) or ()
    return {name: () for (name,) in names if name} or None


def _rows(con: duckdb.DuckDBPyConnection, query: exp.Select) -> list[Any] | None:
    """Ask; None for offenders that have no such column."""
    import duckdb

    try:
        return con.execute(query.sql(dialect="duckdb")).fetchall()
    except duckdb.Error:
        return None


def _offenders(relation: str, rule: Rule, context: StageContext) -> tuple[str, exp.Select] | None:
    """Give the rows that break a rule, and what of them names the metric."""
    named_by = _NAMED_BY.get(relation)
    if named_by is None:
        return None
    if isinstance(rule, Evidence) and (own := rule.offenders(context)) is not None:
        return "metric", exp.select().from_(own.subquery("offenders"))
    broken = rule.broken(relation, context)
    if broken is None:
        return None
    return named_by, exp.select().from_(table(relation)).where(broken)
