"""The shape of a metric: whether the figures of members add up, or are one sum over another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from plumbline.definitions import Definitions, Metric

if TYPE_CHECKING:
    from sqlglot import exp

_SUMS = ("sum", "count", "sum_boolean")
_CONSTANT = ""
Linear = Mapping[str, Fraction]


@dataclass(frozen=True)
class Quotient:
    """A sum of inputs over another: the weight of each input above and below the line."""

    above: Linear
    below: Linear

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the inputs, each once."""
        return tuple(dict.fromkeys((*self.above, *self.below)))


def formula_of(metric: Metric) -> str:
    """Write the formula of a metric over the names of its inputs; '' for one that has none."""
    if metric.type == "ratio":
        above, below = metric.inputs
        return f"{above.column} / nullif({below.column}, 0)"
    return metric.expr if metric.type == "derived" else ""


def adds_up(definitions: Definitions, metric: Metric) -> bool:
    """Tell whether the figures of the members of any dimension, but time, add up to the total."""
    if metric.type in ("simple", "cumulative"):
        found = [definitions.measure(item.name) for item in metric.measures]
        return bool(found) and all(item and item.agg in _SUMS for item in found)
    if metric.type != "derived":
        return False
    weights = linear_of(metric)
    inputs = (definitions.metrics.get(item.name) for item in metric.inputs)
    return bool(weights) and all(item and adds_up(definitions, item) for item in inputs)


def counts_distinct(definitions: Definitions, metric: Metric) -> bool:
    """Tell whether a metric is a count of distinct things, and nothing else."""
    found = [definitions.measure(item.name) for item in metric.measures]
    return metric.type == "simple" and all(item and item.agg == "count_distinct" for item in found)


def quotient_of(definitions: Definitions, metric: Metric) -> Quotient | None:
    """Read a metric as one sum over another, where both add up over members; None for any other."""
    formula = formula_of(metric)
    found = _fraction(_parsed(formula)) if formula else None
    if found is None or not found.below:
        return None
    names = {item.column: item.name for item in metric.inputs}
    known = (definitions.metrics.get(names.get(name, "")) for name in found.inputs)
    return found if all(item and adds_up(definitions, item) for item in known) else None


def why_not(definitions: Definitions, metric: Metric) -> str:
    """Say why the figures of members do not add up to the total."""
    if metric.type == "conversion":
        return "It is the share of events that are followed by another: shares do not add up."
    measures = [definitions.measure(item.name) for item in metric.measures]
    kinds = {item.agg for item in measures if item}
    if "count_distinct" in kinds:
        return "It counts distinct things: what is counted for two members counts once in the total."
    if kinds & {"median", "percentile", "average", "min", "max"}:
        return f"It is the {next(iter(sorted(kinds)))} of single rows: such figures do not add up."
    return "Its formula is more than a sum, or one sum over another, of what adds up."


def linear_of(metric: Metric) -> Linear | None:
    """Read a formula as a sum of weighted inputs; None for any other."""
    found = _fraction(_parsed(metric.expr)) if metric.expr else None
    return found.above if found and not found.below and _CONSTANT not in found.above else None


def _parsed(formula: str) -> exp.Expr:
    from plumbline.compiler.expressions import parsed

    return parsed(formula, "duckdb")


def _fraction(node: exp.Expr) -> Quotient | None:
    """Read an expression as weights above and below a line; None for what has no such form."""
    found = _read(node)
    if found is None or (found.below and _CONSTANT in {**found.above, **found.below}):
        return None
    return found


def _read(node: exp.Expr) -> Quotient | None:
    from sqlglot import exp

    match node:
        case exp.Column():
            return Quotient({node.name: Fraction(1)}, {})
        case exp.Literal() if not node.is_string:
            return Quotient({_CONSTANT: Fraction(node.this)}, {})
        case exp.Paren():
            return _read(node.this)
        case exp.Neg():
            return _scaled(_read(node.this), Fraction(-1))
        case exp.Coalesce() if [part.sql() for part in node.expressions] == ["0"]:
            return _read(node.this)
        case exp.Nullif() if node.expression.sql() == "0":
            return _read(node.this)
        case exp.Add() | exp.Sub():
            sign = Fraction(1 if isinstance(node, exp.Add) else -1)
            return _sum(_read(node.left), _scaled(_read(node.right), sign))
        case exp.Mul():
            return _product(_read(node.left), _read(node.right))
        case exp.Div():
            return _ratio(_read(node.left), _read(node.right))
    return None


def _scaled(found: Quotient | None, factor: Fraction) -> Quotient | None:
    return found and Quotient({name: weight * factor for name, weight in found.above.items()}, found.below)


def _sum(left: Quotient | None, right: Quotient | None) -> Quotient | None:
    if left is None or right is None:
        return None
    if not (left.below or right.below):
        return Quotient(_added(left.above, right.above), {})
    whole, number = (left, _number(right)) if left.below else (right, _number(left))
    if number is None:
        return None
    extra = {name: weight * number for name, weight in whole.below.items()}
    return Quotient(_added(whole.above, extra), whole.below)


def _product(left: Quotient | None, right: Quotient | None) -> Quotient | None:
    if left is None or right is None:
        return None
    for whole, other in ((left, right), (right, left)):
        number = _number(other)
        if number is not None:
            return _scaled(whole, number)
    return None


def _ratio(left: Quotient | None, right: Quotient | None) -> Quotient | None:
    if left is None or right is None or right.below:
        return None
    number = _number(right)
    if number is not None:
        return _scaled(left, 1 / number) if number else None
    return None if left.below else Quotient(left.above, right.above)


def _number(found: Quotient) -> Fraction | None:
    """Give the number that an expression is, or None."""
    is_number = not found.below and set(found.above) == {_CONSTANT}
    return found.above[_CONSTANT] if is_number else None


def _added(left: Linear, right: Linear) -> Linear:
    names = dict.fromkeys((*left, *right))
    sums = {name: left.get(name, Fraction(0)) + right.get(name, Fraction(0)) for name in names}
    return {name: weight for name, weight in sums.items() if weight}
