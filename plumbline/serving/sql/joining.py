"""A sub-query joined to a relation of metrics, as BI tools write it to keep the ten best series of a chart.

A member of a dimension that the SELECT groups by is in it whole or not at all. So to join the rows behind the
figures and to join the figures is the same, if the sub-query has one row for each member.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

    from plumbline.serving.sql.spans import Select

_JOIN = ("JOIN", "INNER")


@dataclass(frozen=True)
class Joined:
    """The join: its place in the whole text, the place of its sub-query, and what is equal to what.

    `pairs` are columns of the SELECT, each with the alias of the sub-query's result that it equals.
    """

    start: int
    end: int
    query: tuple[int, int]
    pairs: tuple[tuple[exp.Column, str], ...]


def read_join(select: Select, tree: exp.Select) -> Joined | None:
    """Read the only join of a SELECT; None where it is anything but an inner one with a sub-query."""
    from sqlglot import exp

    joins, source = tree.args.get("joins") or [], tree.args["from_"].this
    if len(joins) != 1 or not isinstance(source, exp.Table) or source.args.get("joins"):
        return None
    join = joins[0]
    is_plain = not set(_given(join)) - {"this", "kind", "on"} and join.kind in ("", "INNER")
    if not is_plain or not _is_query(join.this):
        return None
    pairs = tuple(_pairs(join.args.get("on"), join.this))
    place = _place(select)
    return Joined(*place, pairs) if place and pairs and all(pairs) else None


def _given(join: exp.Expr) -> Iterator[str]:
    return (name for name, value in join.args.items() if value)


def _is_query(node: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select) and bool(node.alias)


def _pairs(condition: exp.Expr | None, query: exp.Subquery) -> Iterator[tuple[exp.Column, str]]:
    """Give what equals what; an empty pair for anything else that the condition says."""
    from sqlglot import exp

    results = {item.alias_or_name for item in query.this.expressions}
    parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
    for part in parts:
        yield _pair(part, query.alias, results) or ()  # type: ignore[misc]


def _pair(part: exp.Expr | None, alias: str, results: set[str]) -> tuple[exp.Column, str] | None:
    from sqlglot import exp

    part = part.unnest() if part is not None else None
    if not isinstance(part, exp.EQ):
        return None
    sides = [part.this, part.expression]
    if not all(isinstance(side, exp.Column) for side in sides):
        return None
    theirs = [side for side in sides if side.table == alias or (not side.table and side.name in results)]
    mine = [side for side in sides if all(side is not other for other in theirs)]
    return (mine[0], theirs[0].name) if len(theirs) == 1 and theirs[0].name in results else None


def _place(select: Select) -> tuple[int, int, tuple[int, int]] | None:
    """Give where the join begins and ends, and the SELECT in its parentheses."""
    clause = select.clauses["from"]
    inside = [token for token in select.tokens if clause.start <= token.start < clause.end]
    begun = next((index for index, token in enumerate(inside) if token.text.upper() in _JOIN), None)
    if begun is None:
        return None
    opened = next((index for index in range(begun, len(inside)) if inside[index].text == "("), None)
    if opened is None or inside[opened + 1].token_type.name != "SELECT":
        return None
    closed = select.closing(inside[opened].start)
    return inside[begun].start, clause.end, (inside[opened + 1].start, closed - 1)
