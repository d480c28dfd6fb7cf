"""How a metric grows while its period runs: what its target can demand of an unfinished period."""

from __future__ import annotations

import re
from enum import StrEnum

from plumbline.definitions import Definitions, Metric

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
