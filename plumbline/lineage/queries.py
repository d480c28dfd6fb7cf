"""What the columns and the rows of a query rest on: its projection, and every clause that shapes its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from plumbline.lineage.expressions import (
    Expressions,
    aggregates,
    conjuncts,
    has_window,
    is_unknown,
    maybe_aggregates,
    multiplies,
)
from plumbline.lineage.joins import Rows, join, keys_of, owns, side_of
from plumbline.lineage.parts import EVERY, NOTHING, ROWS, Key, Mark, Marks, Shape, opaque, stored, union
from plumbline.lineage.scope import Scope

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


@dataclass(frozen=True)
class Output:
    """One column of a projection; `origin` is the source and column that it hands on unchanged."""

    name: str
    marks: Marks
    origin: tuple[str, str] | None = None
    node: exp.Expr | None = None


@dataclass
class Projection:
    """The columns of a SELECT; `rest` is what columns rest on whose names are not known."""

    outputs: list[Output] = field(default_factory=list)
    rest: Marks | None = None
    is_open: bool = False
    multiplied: Marks | None = None

    def open(self, marks: Marks) -> None:
        """Note that there may be more columns, in any place, that rest on `marks`."""
        self.rest = (self.rest or NOTHING) | marks
        self.is_open = True

    @property
    def values(self) -> Marks:
        return union((*(output.marks for output in self.outputs), self.rest or NOTHING))

    def also(self, marks: Marks) -> None:
        """Note what every column rests on besides."""
        self.outputs = [Output(o.name, o.marks | marks, o.origin, o.node) for o in self.outputs]
        self.rest = None if self.rest is None else self.rest | marks


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
        projection = self._projection(node, scope)
        rows = self._filtered(node, scope, rows)
        marks = self._grouped(node, scope, projection, rows.marks)
        keys = self._keys(node, scope, projection, rows)
        marks |= self._shaped(node, scope, projection)
        return _shape(projection, marks, keys)

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

    # The projection

    def _projection(self, node: exp.Select, scope: Scope) -> Projection:
        found = Projection()
        for item in node.expressions:
            self._project(item, scope, found)
        return found

    def _project(self, item: exp.Expr, scope: Scope, found: Projection) -> None:
        value = item.this if isinstance(item, exp.Alias) else item
        if isinstance(value, exp.Star) or (
            isinstance(value, exp.Column) and isinstance(value.this, exp.Star)
        ):
            self._star(value, scope, found)
            return
        marks = self._expressions.marks(value, scope)
        if _names_many(value) or isinstance(item, exp.Aliases):
            found.open(marks | scope.everything)
            return
        if multiplies(value):
            found.multiplied = (found.multiplied or NOTHING) | marks
            found.rest = (found.rest or NOTHING) | marks
        name = item.alias_or_name.lower() if isinstance(item, exp.Alias | exp.Column) else ""
        origin = _origin(value, scope)
        found.outputs.append(Output(name or f"?{len(found.outputs)}", marks, origin, value))
        if name:
            scope.aliases[name] = scope.aliases.get(name, NOTHING) | marks
        else:
            found.rest = (found.rest or NOTHING) | marks

    def _star(self, value: exp.Expr, scope: Scope, found: Projection) -> None:
        star = value if isinstance(value, exp.Star) else value.this
        qualifier = value.parts[-2].name.lower() if isinstance(value, exp.Column) else ""
        sources = [source for source in scope.sources if not qualifier or source[0] == qualifier]
        is_known = bool(sources) and not any(shape.rest is not None for _, shape in sources)
        if star.args.get("ilike") or not is_known:
            found.open(scope.everything if sources else scope.reachable)
            return
        dropped = {item.name.lower() for item in star.args.get("except_") or []}
        replaced = {item.alias.lower(): item.this for item in star.args.get("replace") or []}
        renamed = {item.this.name.lower(): item.alias.lower() for item in star.args.get("rename") or []}
        for alias, name, marks in _expanded(sources, {} if qualifier else scope.merged):
            if name in dropped:
                continue
            if name in replaced:
                output = Output(name, self._expressions.marks(replaced[name], scope), None, replaced[name])
            else:
                output = Output(renamed.get(name, name), marks, (alias, name))
            found.outputs.append(output)

    # Groups, windows, order

    def _grouped(self, node: exp.Select, scope: Scope, projection: Projection, rows: Marks) -> Marks:
        """Add what groups and windows rest on to the columns; gives what the rows rest on."""
        group, having, qualify = (node.args.get(name) for name in ("group", "having", "qualify"))
        order = node.args.get("order")
        clauses = [item for item in (having, qualify, order) if item is not None]
        computed = [output.node for output in projection.outputs if output.node is not None]
        by = self._group_by(group, scope, projection)
        put_together = group is not None or any(map(maybe_aggregates, (*computed, *clauses)))
        is_one_row = group is None and any(map(aggregates, (*computed, *clauses)))
        projection.outputs = [
            Output(o.name, o.marks | (rows | by if _looks_around(o) else NOTHING), o.origin, o.node)
            for o in projection.outputs
        ]
        if put_together or any(map(_looks_around, projection.outputs)):
            projection.rest = None if projection.rest is None else projection.rest | rows | by
        marks = NOTHING if is_one_row and not projection.is_open else rows | by
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
                marks |= _by_number(literal, projection)
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

    # Which columns tell rows apart

    def _keys(self, node: exp.Select, scope: Scope, projection: Projection, rows: Rows) -> dict[Key, Marks]:
        if projection.multiplied is not None or projection.is_open:
            return {}
        group = node.args.get("group")
        places = {output.origin: output.name for output in reversed(projection.outputs) if output.origin}
        computed = [output.node for output in projection.outputs if output.node is not None]
        found: dict[Key, Marks] = {}
        if group is not None:
            found |= _group_keys(group, projection)
        elif any(map(aggregates, computed)):
            found[frozenset()] = NOTHING
        elif any(map(maybe_aggregates, computed)):
            return {}
        else:
            found |= {
                frozenset(places[part] for part in key): guards
                for key, guards in rows.keys.items()
                if all(part in places for part in key)
            }
        found |= dict.fromkeys(_numbered_keys(node, scope, projection, places), NOTHING)
        distinct = node.args.get("distinct")
        if distinct is not None and not distinct.args.get("on"):
            found[frozenset(output.name for output in projection.outputs)] = NOTHING
        return found

    # Queries put together

    def _wrapped(self, node: exp.Subquery, ctes: Mapping[str, Shape], parent: Scope | None) -> Shape:
        shape = self._query(node.this, ctes, parent)
        if node.args.get("pivots") or node.args.get("joins"):
            return self._opaque(node, ctes, parent, f"a query with {_modifiers(node)} is not understood")
        return self._ended(node, shape, ctes, parent)

    def _set_operation(
        self, node: exp.SetOperation, ctes: Mapping[str, Shape], parent: Scope | None
    ) -> Shape:
        operands = [self._query(item, ctes, parent) for item in _operands(node)]
        keeps_all = isinstance(node, exp.Union) and not node.args.get("distinct")
        columns, rest = _aligned(operands, by_name=bool(node.args.get("by_name")))
        marks = union(shape.rows for shape in operands)
        if not keeps_all:
            marks |= union(shape.values for shape in operands)
        is_open = any(shape.is_open for shape in operands)
        keys = {frozenset(columns): NOTHING} if not keeps_all and rest is None else {}
        return self._ended(node, Shape(columns, marks, rest, is_open, keys), ctes, parent)

    def _ended(self, node: exp.Expr, shape: Shape, ctes: Mapping[str, Shape], parent: Scope | None) -> Shape:
        """Read the ORDER BY and LIMIT that stand after a whole query."""
        if not any(node.args.get(name) for name in ("order", "limit", "offset", "sample")):
            return shape
        scope = Scope(ctes, parent, [("", shape)])
        order = node.args.get("order")
        marks = self._cut(node, scope, is_ordered=order is not None)
        marks |= shape.values if order is not None else NOTHING
        return Shape(shape.columns, shape.rows | marks, shape.rest, shape.is_open, shape.keys)


def _shape(projection: Projection, rows: Marks, keys: Mapping[Key, Marks]) -> Shape:
    columns: dict[str, Marks] = {}
    rest = projection.rest
    for number, output in enumerate(projection.outputs):
        name = output.name
        if name in columns:  # the engine gives the later one another name
            columns[name] |= output.marks
            rest = (rest or NOTHING) | output.marks
            name = f"?again {number}"
        columns[name] = output.marks
    return Shape(columns, rows, rest, projection.is_open, keys)


def _looks_around(output: Output) -> bool:
    """Whether a column is computed from several rows."""
    return output.node is not None and (maybe_aggregates(output.node) or has_window(output.node))


def _origin(value: exp.Expr, scope: Scope) -> tuple[str, str] | None:
    if not isinstance(value, exp.Column):
        return None
    for alias, shape in scope.sources:
        if owns(value, alias, shape, [source for source in scope.sources if source[0] != alias]):
            return alias, value.name.lower()
    return None


def _expanded(
    sources: Iterable[tuple[str, Shape]], merged: Mapping[str, Marks]
) -> Iterator[tuple[str, str, Marks]]:
    """Give the columns that a star stands for; a column that was made one by USING stands once."""
    seen: set[str] = set()
    for alias, shape in sources:
        for name, marks in shape.columns.items():
            if name in merged:
                if name in seen:
                    continue
                seen.add(name)
                marks = merged[name]
            yield alias, name, marks


def _names_many(value: exp.Expr) -> bool:
    """Whether an expression stands for columns whose names only the engine knows."""
    found = value.find(exp.Columns, exp.PositionalColumn)
    return found is not None or any(
        not isinstance(star.parent, exp.Count | exp.Select) for star in value.find_all(exp.Star)
    )


def _by_number(literal: exp.Literal, projection: Projection) -> Marks:
    place = int(literal.name) - 1 if literal.name.isdigit() else -1
    if projection.is_open:
        return projection.values
    return projection.outputs[place].marks if 0 <= place < len(projection.outputs) else NOTHING


def _fixed_columns(condition: exp.Expr) -> Iterator[exp.Column]:
    """Name the column that a condition fixes to a constant."""
    if isinstance(condition, exp.EQ):
        for column, other in ((condition.left, condition.right), (condition.right, condition.left)):
            if isinstance(column, exp.Column) and isinstance(other, exp.Literal):
                yield column


def _group_keys(group: exp.Group, projection: Projection) -> dict[Key, Marks]:
    """The columns of a plain GROUP BY, where all of them are in the projection."""
    if any(group.args.get(name) for name in ("grouping_sets", "cube", "rollup", "totals", "all")):
        return {}
    names = [_output_of(item, projection) for item in group.expressions]
    if any(isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets) for item in group.expressions):
        return {}
    return {frozenset(name for name in names if name): NOTHING} if all(names) else {}


def _output_of(item: exp.Expr, projection: Projection) -> str:
    if isinstance(item, exp.Literal) and item.name.isdigit():
        place = int(item.name) - 1
        return projection.outputs[place].name if place < len(projection.outputs) else ""
    return next((output.name for output in projection.outputs if output.node == item), "")


def _numbered_keys(
    node: exp.Select, scope: Scope, projection: Projection, places: Mapping[tuple[str, str], str]
) -> Iterator[Key]:
    """The partition and the number of each row_number() in the projection."""
    named = {output.name: output.node for output in projection.outputs}
    for name, value in named.items():
        partition = _numbered_partition(value, scope)
        columns = _placed_columns(partition, scope, places)
        if columns is not None:
            yield columns | {name}
    for condition in conjuncts(node.args.get("qualify")):
        if isinstance(condition, exp.EQ) and isinstance(condition.right, exp.Literal):
            left = condition.left
            value = named.get(left.name.lower()) if isinstance(left, exp.Column) else left
            partition = _numbered_partition(value, scope)
            columns = _placed_columns(partition, scope, places)
            if columns is not None:
                yield columns


def _placed_columns(
    partition: list[exp.Expr] | None, scope: Scope, places: Mapping[tuple[str, str], str]
) -> Key | None:
    """Name the output columns that show a partition; None where one of it is not shown."""
    if partition is None:
        return None
    origins = [_origin(item, scope) for item in partition]
    if any(origin is None or origin not in places for origin in origins):
        return None
    return frozenset(places[origin] for origin in origins if origin)


def _numbered_partition(value: exp.Expr | None, scope: Scope) -> list[exp.Expr] | None:
    while isinstance(value, exp.Cast | exp.Paren):
        value = value.this
    if not isinstance(value, exp.Window) or not isinstance(value.this, exp.RowNumber):
        return None
    window = scope.windows.get(value.alias.lower(), value) if value.alias else value
    return list(window.args.get("partition_by") or [])


def _operands(node: exp.SetOperation) -> list[exp.Expr]:
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
