"""Aggregates of a measure, over all rows or over those that meet conditions, and over parts of themselves."""

from __future__ import annotations

from sqlglot import exp

from plumbline.compiler.dialects import extreme, percentile
from plumbline.definitions import Measure
from plumbline.errors import DefinitionError, did_you_mean

# Aggregates of parts that can be aggregated again, and how.
DISTRIBUTIVE: dict[str, type[exp.AggFunc]] = {
    "sum": exp.Sum,
    "count": exp.Sum,
    "sum_boolean": exp.Sum,
    "min": exp.Min,
    "max": exp.Max,
}
_MEDIAN = 0.5
_KNOWN = (*DISTRIBUTIVE, "count_distinct", "average", "median", "percentile")


def aggregated(
    measure: Measure, value: exp.Expr, condition: exp.Expr | None, dialect: str, *, grouped: bool
) -> exp.Expr:
    """Aggregate the rows of a group that meet a condition; a group without such rows has no value."""
    if grouped and condition is None and counts_rows(measure, value):
        return exp.Count(this=exp.Star())
    if measure.agg == "count_distinct":
        counted = exp.Count(this=exp.Distinct(expressions=[only(value, condition)]))
        return _where_any(counted, condition) if condition is not None and grouped else counted
    return combined(measure, only(as_number(measure, value), condition), dialect)


def combined(measure: Measure, value: exp.Expr, dialect: str) -> exp.Expr:
    """Aggregate values as the measure says, once they are what it adds up."""
    if measure.agg in ("min", "max"):
        return extreme(exp.Min if measure.agg == "min" else exp.Max, value)
    if measure.agg in DISTRIBUTIVE:
        return DISTRIBUTIVE[measure.agg](this=value)
    if measure.agg == "average":
        return exp.Avg(this=value)
    if measure.agg in ("median", "percentile"):
        share = _MEDIAN if measure.agg == "median" else measure.percentile
        if share is None:
            raise DefinitionError(
                f"measure {measure.name!r} does not say which percentile",
                todo="Add `agg_params: {percentile: 0.9}`.",
                code="no-percentile",
            )
        return percentile(value, share, dialect, discrete=measure.discrete, approximate=measure.approximate)
    raise DefinitionError(
        f"measure {measure.name!r} has the unknown aggregate {measure.agg!r}",
        todo=did_you_mean(measure.agg, list(_KNOWN)) or f"Known: {', '.join(_KNOWN)}.",
        code="unknown-aggregate",
    )


def as_number(measure: Measure, value: exp.Expr) -> exp.Expr:
    """Turn what is counted into numbers to add up: no rows give no value, as other sums do."""
    if measure.agg not in ("count", "sum_boolean"):
        return value
    counts = (
        value if measure.agg == "sum_boolean" else exp.Not(this=exp.Is(this=value, expression=exp.null()))
    )
    return exp.Case().when(counts, exp.Literal.number(1)).else_(exp.Literal.number(0))


def counts_rows(measure: Measure, value: exp.Expr) -> bool:
    """Whether each row adds 1: a sum of ones, which engines take longer to add up than to count."""
    if not isinstance(value, exp.Literal):
        return False
    return measure.agg == "count" or (measure.agg == "sum" and value.is_number and value.name == "1")


def only(value: exp.Expr, condition: exp.Expr | None) -> exp.Expr:
    """Keep a value where a condition holds."""
    return value if condition is None else exp.Case().when(condition, value)


def _where_any(counted: exp.Expr, condition: exp.Expr) -> exp.Expr:
    rows = exp.Count(this=exp.Case().when(condition.copy(), exp.Literal.number(1)))
    return exp.Case().when(exp.GT(this=rows, expression=exp.Literal.number(0)), counted)
