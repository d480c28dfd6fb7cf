"""What the value of an expression rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from plumbline.lineage.functions import (
    follows_row_order,
    is_foreign,
    may_aggregate,
    multiplies_rows,
    surely_aggregates,
)
from plumbline.lineage.parts import NOTHING, Marks, Shape, union
from plumbline.lineage.scope import Scope, Unresolved

_WRAPPERS = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)


@dataclass(frozen=True)
class Expressions:
    """Reads expressions; `query` reads what stands within them, `give_up` notes what was not understood.

    `anything` is what a function may rest on that the engine does not know.
    """

    query: Callable[[exp.Expr, Scope], Shape]
    give_up: Callable[[str], None]
    anything: Callable[[], Marks]

    def marks(self, node: exp.Expr | None, scope: Scope) -> Marks:
        """Give all that an expression rests on, sub-queries included."""
        if node is None:
            return NOTHING
        if isinstance(node, exp.Column):
            return self._column(node, scope)
        if isinstance(node, exp.Exists) and isinstance(node.this, exp.Query):
            return self.query(node.this, scope).rows
        if isinstance(node, exp.Query | exp.Table | exp.Pivot | exp.Summarize | exp.Command):
            return self.query(node, scope).everything
        if isinstance(node, exp.Columns | exp.PositionalColumn):
            return scope.everything
        if isinstance(node, exp.Star):
            return NOTHING if isinstance(node.parent, exp.Count) else scope.everything
        if isinstance(node, exp.Comprehension):
            return self._comprehension(node, scope)
        return self._within(node, scope) | self._beyond(node, scope)

    def _within(self, node: exp.Expr, scope: Scope) -> Marks:
        return union(self.marks(child, scope) for child in node.iter_expressions())

    def _beyond(self, node: exp.Expr, scope: Scope) -> Marks:
        """What a function rests on beside its arguments."""
        if isinstance(node, exp.Window):
            return self._window(node, scope)
        if is_unknown(node):
            self.give_up(f"the function {node.name}() is not known, and may read anything")
            return self.anything()
        if isinstance(node, exp.Func) and follows_row_order(node) and not is_ordered(node):
            return scope.everything
        return NOTHING

    def _column(self, node: exp.Column, scope: Scope) -> Marks:
        path = [part.name.lower() for part in node.parts]
        if isinstance(node.this, exp.Star):
            return union(shape.everything for shape in scope.named(path[-2])) or scope.reachable
        try:
            return scope.resolve(path)
        except Unresolved as unknown:
            self.give_up(f"the column {unknown} is not known")
            return scope.reachable

    def _comprehension(self, node: exp.Comprehension, scope: Scope) -> Marks:
        names = frozenset({node.args["expression"].name.lower()})
        inner = scope.binding(names)
        return self.marks(node.args["iterator"], scope) | union(
            self.marks(part, inner) for part in (node.this, node.args.get("condition")) if part
        )

    def _window(self, node: exp.Window, scope: Scope) -> Marks:
        name = node.alias.lower()
        if not name:
            return NOTHING
        if name not in scope.windows:
            self.give_up(f"the window {name} is not known")
            return scope.reachable
        return self._within(scope.windows[name], scope)


def is_unknown(node: exp.Expr) -> bool:
    """Tell whether an expression calls a function that the engine does not ship with."""
    return isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) and is_foreign(node)


def parts_of(node: exp.Expr) -> Iterator[exp.Expr]:
    """Give an expression and all within it, but nothing of sub-queries."""
    yield node
    for child in node.iter_expressions():
        if not isinstance(child, exp.Query):
            yield from parts_of(child)


def outside_windows(node: exp.Expr) -> Iterator[exp.Expr]:
    """Give an expression and all within it, but neither sub-queries nor what a window computes."""
    if not isinstance(node, exp.Window):
        yield node
    computed = _computed(node) if isinstance(node, exp.Window) else None
    for child in node.iter_expressions():
        if isinstance(child, exp.Query):
            continue
        if computed is not None and child is node.this:
            for argument in computed.iter_expressions():
                yield from outside_windows(argument)
        else:
            yield from outside_windows(child)


def _computed(window: exp.Window) -> exp.Expr:
    """The function that a window computes."""
    found = window.this
    while isinstance(found, _WRAPPERS):
        found = found.this
    return found  # type: ignore[no-any-return]


def has_window(node: exp.Expr) -> bool:
    """Tell whether an expression looks at other rows through a window."""
    return any(isinstance(part, exp.Window) for part in parts_of(node))


def maybe_aggregates(node: exp.Expr) -> bool:
    """Tell whether an expression may put rows together."""
    return any(
        isinstance(part, exp.Func) and (may_aggregate(part) or is_unknown(part))
        for part in outside_windows(node)
    )


def aggregates(node: exp.Expr) -> bool:
    """Tell whether an expression surely puts rows together."""
    return any(isinstance(part, exp.Func) and surely_aggregates(part) for part in outside_windows(node))


def multiplies(node: exp.Expr) -> bool:
    """Tell whether an expression makes several rows of one."""
    return any(multiplies_rows(part) for part in parts_of(node))


def is_ordered(node: exp.Expr) -> bool:
    """Tell whether a function is told in which order its rows come."""
    if any(isinstance(child, exp.Order) for child in parts_of(node)):
        return True
    parent = node.parent
    while isinstance(parent, (*_WRAPPERS, exp.Window)):
        if parent.args.get("order") or isinstance(parent.args.get("expression"), exp.Order):
            return True
        if isinstance(parent, exp.Window):
            return _is_ordered_by_name(parent)
        parent = parent.parent
    return False


def _is_ordered_by_name(window: exp.Window) -> bool:
    select = window.find_ancestor(exp.Select)
    named = select.args.get("windows") or [] if select else []
    return any(other.name.lower() == window.alias.lower() and other.args.get("order") for other in named)


def conjuncts(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """Give the conditions that must all hold."""
    if isinstance(node, exp.And):
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    elif isinstance(node, exp.Paren | exp.Where | exp.Qualify):
        yield from conjuncts(node.this)
    elif node is not None:
        yield node
