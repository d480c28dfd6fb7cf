"""Queries put together: UNION, INTERSECT, EXCEPT."""

from __future__ import annotations

from sqlglot import exp

from plumbline.lineage.parts import NOTHING, Marks, Shape, union


def put_together(node: exp.SetOperation, operands: list[Shape]) -> Shape:
    """Give the relation of a set operation; where equal rows matter, every column decides about rows."""
    keeps_all = isinstance(node, exp.Union) and not node.args.get("distinct")
    columns, rest = _aligned(operands, by_name=bool(node.args.get("by_name")))
    rows = union(shape.rows for shape in operands)
    if not keeps_all:
        rows |= union(shape.values for shape in operands)
    is_open = any(shape.is_open for shape in operands)
    keys = {frozenset(columns): NOTHING} if not keeps_all and rest is None else {}
    return Shape(columns, rows, rest, is_open, keys)


def operands_of(node: exp.SetOperation) -> list[exp.Expr]:
    """The queries of one operation, flattened where it is the same all along."""
    found: list[exp.Expr] = []
    current: exp.Expr = node
    while True:
        assert isinstance(current, exp.SetOperation)
        found.append(current.expression)
        left = current.this
        is_alike = type(left) is type(node) and isinstance(node, exp.Union)
        has_more = any(left.args.get(name) for name in ("with_", "order", "limit", "offset"))
        if (
            not is_alike
            or has_more
            or any(left.args.get(name) != node.args.get(name) for name in ("distinct", "by_name"))
        ):
            return [left, *reversed(found)]
        current = left


def _aligned(operands: list[Shape], *, by_name: bool) -> tuple[dict[str, Marks], Marks | None]:
    """Put the columns of queries together, by their place or by their name."""
    everything = union(shape.values for shape in operands)
    if any(shape.is_open for shape in operands):
        return {}, everything
    rests = [shape.rest for shape in operands if shape.rest is not None]
    rest = union(rests) if rests else None
    if by_name:
        names = dict.fromkeys(name for shape in operands for name in shape.columns)
        return {name: union(s.column(name) or NOTHING for s in operands) for name in names}, rest
    if len({len(shape.columns) for shape in operands}) > 1:
        return {}, everything
    places = zip(*(shape.columns.values() for shape in operands), strict=True)
    columns = {name: union(marks) for name, marks in zip(operands[0].columns, places, strict=True)}
    return columns, None if rest is None else everything
