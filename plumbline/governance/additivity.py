"""How a metric grows while its period runs: what its target can demand of an unfinished period."""

from __future__ import annotations

import re
from enum import StrEnum

from plumbline.definitions import Definitions, Metric

# What the value of a period counts, besides the rows of the period itself; totals to date name their grain.
PERIOD, STOCK, TO_DATE = "period", "end of period", "to date"
_SUMS = re.compile(r"[\w\s()+-]+")
_CALL_OR_NUMBER = re.compile(r"\w\s*\(|\b\d")


class Growth(StrEnum):
    """`adds_up`: each day adds its part. `level`: a rate, an average or a stock, the same at any time.
    `at_end`: it grows, but not evenly (distinct counts, to-date figures): only the end tells."""

    ADDS_UP = "adds_up"
    LEVEL = "level"
    AT_END = "at_end"


def growth(definitions: Definitions, metric: Metric) -> Growth:
    """Tell how a metric grows within a period."""
    if metric.type == "simple":
        return _measured(definitions, metric)
    if metric.type == "derived":
        return _derived(definitions, metric)
    if metric.type == "cumulative":
        return Growth.LEVEL if metric.window else Growth.AT_END
    return Growth.LEVEL


def _measured(definitions: Definitions, metric: Metric) -> Growth:
    measure = definitions.measure(metric.measures[0].name) if metric.measures else None
    if measure is None or measure.non_additive:
        return Growth.LEVEL
    if measure.agg in ("sum", "count", "sum_boolean"):
        return Growth.ADDS_UP
    return Growth.AT_END if measure.agg == "count_distinct" else Growth.LEVEL


def _derived(definitions: Definitions, metric: Metric) -> Growth:
    """Sums and differences of what adds up add up; of any other formula nothing is known."""
    plain = all(item.plain and item.name in definitions.metrics for item in metric.inputs)
    linear = _SUMS.fullmatch(metric.expr) and not _CALL_OR_NUMBER.search(metric.expr)
    if not (metric.inputs and plain and linear):
        return Growth.LEVEL
    inputs = {growth(definitions, definitions.metrics[item.name]) for item in metric.inputs}
    return Growth.ADDS_UP if inputs == {Growth.ADDS_UP} else Growth.LEVEL


def counted_over(definitions: Definitions, metric: Metric) -> str:
    """Tell what the value of a period counts: `period`, `year to date`, `28 days`, or `end of period`.

    A metric made of others counts to date when one of them does, or when it looks at the first day of a
    grain; it is a stock at the end of the period when all of them are.
    """
    since = [f"{item.offset_to_grain} {TO_DATE}" for item in metric.inputs if item.offset_to_grain]
    found = [counted_over(definitions, definitions.metrics[item.name]) for item in metric.inputs]
    to_date = [text for text in (*since, *found) if text.endswith(TO_DATE)]
    if to_date:
        return to_date[0]
    if found:
        return found[0] if len(set(found)) == 1 else PERIOD
    return _counted(definitions, metric)


def _counted(definitions: Definitions, metric: Metric) -> str:
    if metric.type == "cumulative":
        if metric.window:
            return f"{metric.window.count} {metric.window.grain}s"
        return f"{metric.grain_to_date} {TO_DATE}" if metric.grain_to_date else STOCK
    measures = [definitions.measure(item.name) for item in metric.measures]
    return STOCK if measures and all(item and item.non_additive for item in measures) else PERIOD
