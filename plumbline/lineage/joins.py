"""What the rows of a FROM clause rest on, and which columns tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from plumbline.lineage.expressions import Expressions, conjuncts
from plumbline.lineage.parts import NOTHING, Marks, Shape, Span, union
from plumbline.lineage.scope import Scope

# A key of joined rows: (source, column) of each of its columns.
Columns = frozenset[tuple[str, str]]
_MANY = 8


@dataclass(frozen=True)
class Rows:
    """What joined rows rest on, and their keys with what guards them."""

    marks: Marks = NOTHING
    keys: Mapping[Columns, Marks] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One source that is joined: its name, its shape, what joins it, and the columns that must be equal."""

    alias: str
    shape: Shape
    condition: Marks
    equal: frozenset[str]
    spans: frozenset[Span] = frozenset()

    @property
    def guards(self) -> Marks | None:
        """What guards that at most one row is found; None when there may be several.

        Of times that do not overlap at most one begin is found, if the rest of the key is given.
        """
        begins = {span.since for span in self.spans if span.key <= self.equal}
        fixed = [self.equal, *(self.equal | {since} for since in sorted(begins))]
        found = [guards for key, guards in self.shape.keys.items() if any(key <= given for given in fixed)]
        return min(found, key=len) if found else None

    @property
    def keys(self) -> Mapping[Columns, Marks]:
        return keys_of(self.alias, self.shape)


def keys_of(alias: str, shape: Shape) -> dict[Columns, Marks]:
    """Give the keys of a source by its name."""
    return {frozenset((alias, name) for name in key): guards for key, guards in shape.keys.items()}


def side_of(join: exp.Join, alias: str, shape: Shape, scope: Scope, expressions: Expressions) -> Side:
    """Read what joins a source, which is the last of the scope, to those before."""
    before = scope.sources[:-1]
    if str(join.args.get("method") or "").upper() == "POSITIONAL":
        everything = shape.everything | union(other.everything for _, other in before)
        return Side(alias, shape, everything, frozenset())
    names = _shared_names(join, shape, before)
    if names is None:
        expressions.give_up("a natural join of columns that are not known")
        return Side(alias, shape, scope.everything, frozenset())
    condition = expressions.marks(join.args.get("on"), scope)
    for name in names:
        merged = union(found for _, other in scope.sources if (found := other.column(name)) is not None)
        scope.merged[name] = merged
        condition |= merged
    equal = frozenset(names) | _equal_columns(join, alias, shape, before)
    return Side(alias, shape, condition, equal, _spans_met(join, alias, shape, before))


def _shared_names(join: exp.Join, shape: Shape, before: list[tuple[str, Shape]]) -> list[str] | None:
    if str(join.args.get("method") or "").upper() != "NATURAL":
        return [name.name.lower() for name in join.args.get("using") or []]
    if shape.rest is not None or any(other.rest is not None for _, other in before):
        return None
    return [name for name in shape.columns if any(name in other.columns for _, other in before)]


def _equal_columns(
    join: exp.Join, alias: str, shape: Shape, before: list[tuple[str, Shape]]
) -> frozenset[str]:
    """Name the columns of a source that must equal something which is not of this source."""
    return frozenset(
        column.name.lower()
        for condition in conjuncts(join.args.get("on"))
        if isinstance(condition, exp.EQ)
        for column, other in ((condition.left, condition.right), (condition.right, condition.left))
        if isinstance(column, exp.Column)
        and owns(column, alias, shape, before)
        and _is_of_others(other, alias, shape)
    )


def _spans_met(join: exp.Join, alias: str, shape: Shape, before: list[tuple[str, Shape]]) -> frozenset[Span]:
    """Give the spans of a source within which one value of the others must lie."""
    conditions = list(conjuncts(join.args.get("on")))

    def bounded(column: str, kind: type[exp.Binary], mirrored: type[exp.Binary]) -> Iterator[exp.Expr]:
        for condition in conditions:
            for value, bound in _compared(_unless_null(condition, column), kind, mirrored):
                is_bound = isinstance(bound, exp.Column) and owns(bound, alias, shape, before)
                if is_bound and bound.name.lower() == column and _is_of_others(value, alias, shape):
                    yield value

    return frozenset(
        span
        for span in shape.spans
        for value in bounded(span.since, exp.GTE, exp.LTE)
        if value in list(bounded(span.until, exp.LT, exp.GT))
    )


def _compared(
    condition: exp.Expr, kind: type[exp.Binary], mirrored: type[exp.Binary]
) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    if isinstance(condition, kind):
        yield condition.left, condition.right
    elif isinstance(condition, mirrored):
        yield condition.right, condition.left


def _unless_null(condition: exp.Expr, column: str) -> exp.Expr:
    """Take the condition out of `column is null or condition`."""
    if isinstance(condition, exp.Or) and isinstance(condition.left, exp.Is):
        asked = condition.left
        if isinstance(asked.expression, exp.Null) and asked.this.name.lower() == column:
            return condition.right
    return condition


def owns(column: exp.Column, alias: str, shape: Shape, others: list[tuple[str, Shape]]) -> bool:
    """Tell whether a column is surely that of one source."""
    name = column.name.lower()
    if name not in shape.columns or isinstance(column.this, exp.Star):
        return False
    if column.table:
        return column.table.lower() == alias and not column.args.get("db")
    return not any(other.column(name) is not None for _, other in others)


def _is_of_others(expression: exp.Expr, alias: str, shape: Shape) -> bool:
    """Tell whether an expression surely has nothing of a source, and one value."""
    if expression.find(exp.Query, exp.Rand, exp.Anonymous):
        return False
    return all(
        column.table.lower() != alias if column.table else shape.column(column.name.lower()) is None
        for column in expression.find_all(exp.Column)
    )


def join(join_node: exp.Join, rows: Rows, side: Side, scope: Scope) -> Rows:
    """Join a source, which is the last of the scope, to the rows so far; loosens what may become NULL."""
    outer, kind = (join_node.side or "").upper(), (join_node.kind or "").upper()
    if kind in ("SEMI", "ANTI"):
        scope.sources.pop()
        return Rows(rows.marks | side.condition | side.shape.rows, rows.keys)
    lacking = side.condition | side.shape.rows
    if outer in ("RIGHT", "FULL"):
        for number, (alias, shape) in enumerate(scope.sources[:-1]):
            scope.sources[number] = (alias, shape.loosened(lacking))
    if outer in ("LEFT", "FULL"):
        scope.sources[-1] = (side.alias, side.shape.loosened(lacking))
    if outer == "LEFT" and side.guards is not None:
        return Rows(rows.marks | side.guards, _guarded(rows.keys, side.guards))
    marks = rows.marks | side.condition | side.shape.rows
    return Rows(marks, dict(_joined_keys(rows, side)) if outer in ("", "LEFT") else {})


def _guarded(keys: Mapping[Columns, Marks], guards: Marks) -> dict[Columns, Marks]:
    return {key: known | guards for key, known in keys.items()}


def _joined_keys(rows: Rows, side: Side) -> Iterator[tuple[Columns, Marks]]:
    """Give the keys of joined rows: those so far where at most one row is found, else both together."""
    if side.guards is not None:
        yield from _guarded(rows.keys, side.guards).items()
        return
    pairs = [
        (left | right, guards | others)
        for left, guards in rows.keys.items()
        for right, others in side.keys.items()
    ]
    yield from pairs[:_MANY]
