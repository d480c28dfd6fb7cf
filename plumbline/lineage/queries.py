"""What the columns and the rows of a query rest on: its projection, and every clause that shapes its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp

from plumbline.lineage.expressions import (
    Expressions,
    aggregates,
    conjuncts,
    is_unknown,
    maybe_aggregates,
)
from plumbline.lineage.joins import Rows, join, keys_of, owns, side_of
from plumbline.lineage.keys import output_keys, output_spans
from plumbline.lineage.parts import EVERY, NOTHING, ROWS, Mark, Marks, Shape, opaque, stored, union
from plumbline.lineage.projection import Projection, project
from plumbline.lineage.scope import Scope
from plumbline.lineage.set_operations import operands_of, put_together

_NOT_UNDERSTOOD = (
    "connect",
    "match",
    "pivots",
    "into",
    "cluster",
    "distribute",
    "sort",
    "prewhere",
    "exclude",
)
_PURE_TABLES = (exp.GenerateSeries, exp.Unnest, exp.Explode)


class Reader:
    """Reads queries over stored tables; `tables` knows their shapes by name."""

    def __init__(self, tables: Mapping[str, Shape], give_up: Callable[[str], None]) -> None:
        self._tables = tables
        self._give_up = give_up
        self._expressions = Expressions(self._sub_query, give_up, self._anything)

    def read(self, node: exp.Expr) -> Shape:
        """Read a whole statement."""
        return self._query(node, {}, None)

    def _anything(self) -> Marks:
        return union(shape.everything for shape in self._tables.values())

    def _sub_query(self, node: exp.Expr, scope: Scope) -> Shape:
        return self._query(node, scope.ctes, scope)

    def _query(self, node: exp.Expr, ctes: Mapping[str, Shape], parent: Scope | None) -> Shape:
        ctes = self._common_tables(node, ctes, parent)
        if isinstance(node, exp.Select):
            return self._select(node, ctes, parent)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, ctes, parent)
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            return self._wrapped(node, ctes, parent)
        if isinstance(node, exp.Table | exp.Values):
            return self._source(node, Scope(ctes, parent))
        return self._opaque(node, ctes, parent, f"{node.key.upper()} is not understood")

    # Common table expressions

    def _common_tables(
        self, node: exp.Expr, ctes: Mapping[str, Shape], parent: Scope | None
    ) -> Mapping[str, Shape]:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        known = dict(ctes)
        for cte in clause.expressions:
            name = cte.alias.lower()
            is_recursive = clause.args.get("recursive") and _mentions(cte.this, name)
            reader = self._recursive if is_recursive else self._common_table
            known[name] = reader(cte, known, parent)
        return known

    def _common_table(self, cte: exp.CTE, ctes: Mapping[str, Shape], parent: Scope | None) -> Shape:
        return self._query(cte.this, ctes, parent).renamed(_column_names(cte))

    def _recursive(self, cte: exp.CTE, ctes: Mapping[str, Shape], parent: Scope | None) -> Shape:
        """Read again with what was found until nothing new is found."""
        anchor = cte.this
        while isinstance(anchor, exp.SetOperation):
            anchor = anchor.this
        found = self._query(anchor, ctes, parent).renamed(_column_names(cte))
        while True:
            shape = self._common_table(cte, {**ctes, cte.alias.lower(): _keyless(found)}, parent)
            if cte.args.get("key_expressions"):
                shape = opaque(shape.everything)
            if _keyless(shape) == _keyless(found):
                return _keyless(shape)
            found = shape

    # What a query reads

    def _source(self, node: exp.Expr, scope: Scope) -> Shape:
        if any(node.args.get(name) for name in ("pivots", "sample", "when", "joins", "laterals", "version")):
            return self._opaque(node, scope.ctes, scope, f"a table with {_modifiers(node)} is not understood")
        shape = self._unnamed_source(node, scope)
        return shape.renamed(_column_names(node))

    def _unnamed_source(self, node: exp.Expr, scope: Scope) -> Shape:
        if isinstance(node, exp.Table):
            return self._table(node, scope)
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            return self._query(node, scope.ctes, scope)
        if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            return self._query(node.this, scope.ctes, scope)
        if isinstance(node, exp.Unnest | exp.Values):
            marks = self._arguments(node, scope)
            names = [f"col{number}" for number in range(_width(node))]
            return Shape(dict.fromkeys(names, marks), marks, marks)
        return self._opaque(node, scope.ctes, scope, f"{node.key.upper()} in FROM is not understood")

    def _arguments(self, node: exp.Expr, scope: Scope) -> Marks:
        return union(self._expressions.marks(item, scope) for item in node.expressions)

    def _table(self, node: exp.Table, scope: Scope) -> Shape:
        if isinstance(node.this, exp.Func):
            return self._table_function(node.this, scope)
        name = node.name.lower()
        if not node.db and name in scope.ctes:
            return scope.ctes[name]
        full = f"{node.db}.{node.name}".lower() if node.db else name
        if known := self._tables.get(full):
            return known
        self._give_up(f"the columns of {full} are not known")
        return stored(full, ())

    def _table_function(self, node: exp.Func, scope: Scope) -> Shape:
        arguments = union(self._expressions.marks(item, scope) for item in node.iter_expressions())
        if isinstance(node, _PURE_TABLES) or (
            isinstance(node, exp.Anonymous) and node.name.lower() == "range"
        ):
            return Shape({"?1": arguments}, arguments, arguments)
        name = node.sql("duckdb")
        self._give_up(f"the columns of {name} are not known")
        if is_unknown(node):  # a macro, which may read any table
            arguments |= self._anything()
        rest = arguments | {Mark(name, EVERY)}
        return Shape({}, arguments | {Mark(name, ROWS)}, rest, True, table=name)

    def _opaque(self, node: exp.Expr, ctes: Mapping[str, Shape], parent: Scope | None, why: str) -> Shape:
        """Take everything of every table that is named anywhere within, and of the queries around."""
        self._give_up(why)
        inner = {cte.alias.lower() for cte in node.find_all(exp.CTE)}
        scope = Scope(ctes)
        tables = (table for table in node.find_all(exp.Table) if table.db or table.name.lower() not in inner)
        found = union(self._table(table, scope).everything for table in tables)
        if any(is_unknown(item) for item in node.find_all(exp.Func)):
            found |= self._anything()
        return opaque(found | (parent.reachable if parent else NOTHING))

    # SELECT

    def _select(self, node: exp.Select, ctes: Mapping[str, Shape], parent: Scope | None) -> Shape:
        for name in _NOT_UNDERSTOOD:
            if node.args.get(name):
                return self._opaque(node, ctes, parent, f"{name.upper()} is not understood")
        scope = Scope(ctes, parent)
        scope.windows = {item.name.lower(): item for item in node.args.get("windows") or []}
        rows = self._from(node, scope)
        projection = project(node, scope, self._expressions)
        rows = self._filtered(node, scope, rows)
        marks = self._grouped(node, scope, projection, rows.marks)
        marks |= self._shaped(node, scope, projection)
        keys, spans = output_keys(node, scope, projection, rows), output_spans(scope, projection)
        return projection.shape(marks, keys, spans)

    def _from(self, node: exp.Select, scope: Scope) -> Rows:
        rows = Rows()
        clause = node.args.get("from_")
        if clause is None:
            return Rows(NOTHING, {frozenset(): NOTHING})
        alias, shape = self._add(clause.this, scope)
        rows = Rows(shape.rows, keys_of(alias, shape))
        for item in (*(node.args.get("joins") or []), *(node.args.get("laterals") or [])):
            item = item if isinstance(item, exp.Join) else exp.Join(this=item)
            alias, shape = self._add(item.this, scope)
            rows = join(item, rows, side_of(item, alias, shape, scope, self._expressions), scope)
        return rows

    def _add(self, node: exp.Expr, scope: Scope) -> tuple[str, Shape]:
        alias = node.alias_or_name.lower() or f"?{len(scope.sources)}"
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Func) and not node.alias:
            alias = _function_name(node.this)
        scope.sources.append((alias, self._source(node, scope)))
        return scope.sources[-1]

    def _filtered(self, node: exp.Select, scope: Scope, rows: Rows) -> Rows:
        where = node.args.get("where")
        fixed = {
            (alias, condition_column.name.lower())
            for condition in conjuncts(where)
            for condition_column in _fixed_columns(condition)
            for alias, shape in scope.sources
            if owns(condition_column, alias, shape, [s for s in scope.sources if s[0] != alias])
        }
        keys = {frozenset(key - fixed): guards for key, guards in rows.keys.items()}
        return Rows(rows.marks | self._expressions.marks(where, scope), keys)

    # Groups, windows, order

    def _grouped(self, node: exp.Select, scope: Scope, projection: Projection, rows: Marks) -> Marks:
        """Add what groups and windows rest on to the columns; gives what the rows rest on."""
        group, having, qualify = (node.args.get(name) for name in ("group", "having", "qualify"))
        clauses = [item for item in (having, qualify, node.args.get("order")) if item is not None]
        by = self._group_by(group, scope, projection)
        is_one_row = (
            group is None
            and projection.multiplied is None
            and not projection.is_open
            and any(map(aggregates, (*projection.computed, *clauses)))
        )
        projection.look_around(rows | by)
        marks = NOTHING if is_one_row else rows | by
        for clause in (having, qualify):
            if clause is not None:
                marks |= self._expressions.marks(clause, scope) | rows | by
        return marks

    def _group_by(self, group: exp.Group | None, scope: Scope, projection: Projection) -> Marks:
        if group is None:
            return NOTHING
        found = union(self._placed(item, scope, projection) for item in group.iter_expressions())
        if group.args.get("all"):
            plain = (o for o in projection.outputs if o.node is None or not maybe_aggregates(o.node))
            found |= union(output.marks for output in plain) | (projection.rest or NOTHING)
        return found

    def _placed(self, item: exp.Expr, scope: Scope, projection: Projection) -> Marks:
        """Read an expression that may be the number of a column."""
        marks = self._expressions.marks(item, scope)
        for literal in item.find_all(exp.Literal):
            if not literal.is_string:
                marks |= projection.at(literal)
        return marks

    def _shaped(self, node: exp.Select, scope: Scope, projection: Projection) -> Marks:
        """What rows rest on that are made distinct, cut off, or multiplied."""
        marks = projection.multiplied or NOTHING
        distinct, order = node.args.get("distinct"), node.args.get("order")
        if distinct is not None:
            on = distinct.args.get("on")
            marks |= self._expressions.marks(on, scope) if on is not None else projection.values
        if order is not None:
            marks |= self._placed(order, scope, projection)
            if any(item.name.upper() == "ALL" for item in order.find_all(exp.Column, exp.Var)):
                marks |= projection.values
        return marks | self._cut(node, scope, is_ordered=order is not None)

    def _cut(self, node: exp.Expr, scope: Scope, *, is_ordered: bool) -> Marks:
        limits = [node.args[name] for name in ("limit", "offset", "sample") if node.args.get(name)]
        if not limits:
            return NOTHING
        if is_ordered and not node.args.get("sample"):
            return union(self._expressions.marks(limit, scope) for limit in limits)
        self._give_up("LIMIT without ORDER BY, or a sample, takes any rows")
        return scope.everything | union(self._expressions.marks(limit, scope) for limit in limits)

    # Queries put together

    def _wrapped(self, node: exp.Subquery, ctes: Mapping[str, Shape], parent: Scope | None) -> Shape:
        shape = self._query(node.this, ctes, parent)
        if node.args.get("pivots") or node.args.get("joins"):
            return self._opaque(node, ctes, parent, f"a query with {_modifiers(node)} is not understood")
        return self._ended(node, shape, ctes, parent)

    def _set_operation(
        self, node: exp.SetOperation, ctes: Mapping[str, Shape], parent: Scope | None
    ) -> Shape:
        operands = [self._query(item, ctes, parent) for item in operands_of(node)]
        return self._ended(node, put_together(node, operands), ctes, parent)

    def _ended(self, node: exp.Expr, shape: Shape, ctes: Mapping[str, Shape], parent: Scope | None) -> Shape:
        """Read the ORDER BY and LIMIT that stand after a whole query."""
        if not any(node.args.get(name) for name in ("order", "limit", "offset", "sample")):
            return shape
        scope = Scope(ctes, parent, [("", shape)])
        order = node.args.get("order")
        marks = self._cut(node, scope, is_ordered=order is not None)
        marks |= shape.values if order is not None else NOTHING
        return Shape(shape.columns, shape.rows | marks, shape.rest, shape.is_open, shape.keys)


def _fixed_columns(condition: exp.Expr) -> Iterator[exp.Column]:
    """Name the column that a condition fixes to a constant."""
    if isinstance(condition, exp.EQ):
        for column, other in ((condition.left, condition.right), (condition.right, condition.left)):
            if isinstance(column, exp.Column) and isinstance(other, exp.Literal):
                yield column


def _mentions(node: exp.Expr, name: str) -> bool:
    return any(not table.db and table.name.lower() == name for table in node.find_all(exp.Table))


def _keyless(shape: Shape) -> Shape:
    return Shape(shape.columns, shape.rows, shape.rest, shape.is_open, {}, shape.table)


def _column_names(node: exp.Expr) -> list[str]:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    return [column.name.lower() for column in columns or []]


def _width(node: exp.Expr) -> int:
    first = node.expressions[0] if node.expressions else None
    return len(first.expressions) if isinstance(first, exp.Tuple) else max(1, len(node.expressions))


def _modifiers(node: exp.Expr) -> str:
    return ", ".join(name.upper() for name, value in node.args.items() if value and name not in _PLAIN)


_PLAIN = {"this", "alias", "db", "catalog", "expressions"}


def _function_name(node: exp.Func) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
