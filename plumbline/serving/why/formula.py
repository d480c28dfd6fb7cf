"""The formula of a metric, calculated exactly, and its change split over what goes into it.

The split is Shapley's: what an input adds when it moves, on average over all orders in which the inputs can
move. The parts add up to the change whatever the formula is, and the order of the inputs does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

Values = Mapping[str, Fraction | None]
# 2 to the power of it is how often a formula is calculated.
MOST_INPUTS = 8


class CannotCalculate(ValueError):
    """The formula has something else than sums, products, quotients, COALESCE and NULLIF."""


def calculate(formula: str, values: Values) -> Fraction | None:
    """Calculate a formula; None where SQL would give NULL, which a division by zero gives here, too."""
    return _value(_parsed(formula), values)


def inputs_of(formula: str) -> list[str]:
    """Name the inputs of a formula, in order."""
    from sqlglot import exp

    return list(dict.fromkeys(column.name for column in _parsed(formula).find_all(exp.Column)))


def split(formula: str, before: Values, after: Values) -> dict[str, Fraction] | None:
    """Give what each input adds to the change; None where the formula has no value on the way."""
    names = list(after)
    tree = _parsed(formula)
    found = {}
    for chosen in _subsets(names):
        moved = {name: (after if name in chosen else before)[name] for name in names}
        value = _value(tree, moved)
        if value is None:
            return None
        found[chosen] = value
    return {name: _added(name, names, found) for name in names}


def _added(name: str, names: list[str], found: Mapping[frozenset[str], Fraction]) -> Fraction:
    count = len(names)
    others = [other for other in names if other != name]
    total = Fraction(0)
    for chosen in _subsets(others):
        orders = factorial(len(chosen)) * factorial(count - len(chosen) - 1)
        total += Fraction(orders, factorial(count)) * (found[chosen | {name}] - found[chosen])
    return total


def _subsets(names: list[str]) -> list[frozenset[str]]:
    return [frozenset(chosen) for size in range(len(names) + 1) for chosen in combinations(names, size)]


def _parsed(formula: str) -> exp.Expr:
    from plumbline.compiler.expressions import parsed

    return parsed(formula, "duckdb")


def _value(node: exp.Expr, values: Values) -> Fraction | None:
    from sqlglot import exp

    match node:
        case exp.Column():
            return values[node.name]
        case exp.Literal() if not node.is_string:
            return Fraction(node.this)
        case exp.Paren():
            return _value(node.this, values)
        case exp.Neg():
            value = _value(node.this, values)
            return None if value is None else -value
        case exp.Coalesce():
            parts = (_value(part, values) for part in (node.this, *node.expressions))
            return next((part for part in parts if part is not None), None)
        case exp.Nullif():
            value = _value(node.this, values)
            return None if value == _value(node.expression, values) else value
        case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
            return _combined(node, _value(node.left, values), _value(node.right, values))
    raise CannotCalculate(node.sql(dialect="duckdb"))


def _combined(node: exp.Expr, left: Fraction | None, right: Fraction | None) -> Fraction | None:
    from sqlglot import exp

    if left is None or right is None:
        return None
    match node:
        case exp.Add():
            return left + right
        case exp.Sub():
            return left - right
        case exp.Mul():
            return left * right
    return left / right if right else None
