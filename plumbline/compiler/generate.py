"""Write the statement: the relations as common tables, joined on their keys, put into formulas, ordered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from plumbline.compiler.dialects import divided_as_numbers, extreme, joins_fully
from plumbline.compiler.expressions import (
    column,
    common,
    divided,
    makes_values,
    named,
    parsed,
    selected,
    with_join,
)
from plumbline.compiler.graph import Graph
from plumbline.compiler.plan import Beside, Cell, Fill, Formula, Key, Node, Plan, Ratio, Scan, leaves
from plumbline.compiler.relations import Writer
from plumbline.compiler.rows import Subquery
from plumbline.compiler.sizes import Sizes


def generate(
    plan: Plan,
    graph: Graph,
    dialect: str,
    subquery: Subquery,
    sizes: Sizes | None = None,
    first: dict[Scan, tuple[Key, ...]] | None = None,
) -> exp.Select:
    """Give one SELECT with the keys first, then the metrics, in the order asked for.

    `first` is filled with the keys by which rows of a scan are added up before they are joined.
    """
    writer = Writer(graph, dialect, subquery, sizes, first={} if first is None else first)
    for cell in plan.cells:
        writer.ask(cell)
    relations = plan.relations
    if _is_scan_alone(plan):
        assert isinstance(relations[0], Scan)
        select = _as_asked(writer.scan_query(relations[0]), plan, writer)
    else:
        tables = [writer.table_of(relation) for relation in relations]
        joined = _Joined(writer, plan, tables)
        values = [joined.value(node) for node in plan.outputs.values()]
        keys = [column(key) for key in plan.keys]
        select = exp.select(*keys, *named(values, list(plan.outputs)), copy=False)
        select = select.from_(common(joined.source()), copy=False)
        select.set("with_", exp.With(expressions=[_common(*item) for item in writer.tables.items()]))
    return _ordered(_shown(select, plan, dialect), plan)


def _common(name: str, query: exp.Query) -> exp.CTE:
    return exp.CTE(this=query, alias=exp.TableAlias(this=exp.to_identifier(name)))


def renamed(select: exp.Select, aliases: Mapping[str, str]) -> exp.Select:
    """Give columns of the result other names; changes the statement."""
    if aliases:
        names = [aliases.get(name, name) for name in select.named_selects]
        select.set("expressions", named([item.unalias() for item in select.selects], names))
    return select


def _is_scan_alone(plan: Plan) -> bool:
    """Whether one pass over the rows is the whole answer."""
    relations = plan.relations
    plain = all(isinstance(node, Cell) for node in plan.outputs.values())
    return plain and len(relations) == 1 and isinstance(relations[0], Scan) and not relations[0].snapshot


def _as_asked(select: exp.Select, plan: Plan, writer: Writer) -> exp.Select:
    """Name the columns of a scan after the metrics; two metrics may be the same value."""
    found = {item.alias: item.this for item in select.selects}
    cells = {name: node for name, node in plan.outputs.items() if isinstance(node, Cell)}
    values = [found[writer.column_of(cell.value)].copy() for cell in cells.values()]
    keys = [found[key] for key in plan.keys]
    select.set("expressions", named([*keys, *values], [*plan.keys, *cells]))
    return select


class _Joined:
    """The relations side by side, and the metrics as expressions over their cells."""

    def __init__(self, writer: Writer, plan: Plan, tables: Sequence[str]) -> None:
        self.writer, self.plan, self.tables = writer, plan, tables
        self.relations = plan.relations
        self.guarded: set[int] = set()

    def source(self) -> str:
        """Give the table with all cells; called after the values, which tell what it must have."""
        return self.tables[0] if len(self.tables) == 1 else self._join()

    def name(self, cell: Cell) -> str:
        """Name the column of a cell, where several relations may have the same value."""
        name = self.writer.column_of(cell.value)
        return f"{name}__{self.relations.index(cell.relation)}" if len(self.tables) > 1 else name

    def _join(self) -> str:
        """Join on the keys; grouping afterwards brings rows with empty keys together again."""
        tables = [self._marked(number, table) for number, table in enumerate(self.tables)]
        if self.plan.keys and not joins_fully(self.writer.dialect):
            return self.writer.add("joined", self._stacked(tables))
        query = exp.select().from_(common(tables[0]), copy=False)
        for number, table in enumerate(tables[1:], start=1):
            match = [
                exp.EQ(this=_first(key, tables[:number]), expression=column(key, table))
                for key in self.plan.keys
            ]
            if match:
                query = with_join(query, table, exp.and_(*match), "full outer")
            else:
                query = with_join(query, table, None, "cross")
        keys = [_first(key, tables) for key in self.plan.keys]
        cells = {self.name(cell): self._largest(cell, tables) for cell in self.plan.cells}
        marks = {
            _mark(number): exp.Max(this=column(_mark(number), tables[number])) for number in self.guarded
        }
        values = [*keys, *cells.values(), *marks.values()]
        query = query.select(*named(values, [*self.plan.keys, *cells, *marks]))
        return self.writer.add("joined", query.group_by(*(key.copy() for key in keys)) if keys else query)

    def _stacked(self, tables: Sequence[str]) -> exp.Select:
        """Put the rows below each other, each with its own cells, and bring those of a key together."""
        cells = {self.name(cell): cell for cell in self.plan.cells}
        marks = [_mark(number) for number in sorted(self.guarded)]
        names = [*self.plan.keys, *cells, *marks]
        parts = []
        for number, table in enumerate(tables):
            own: dict[str, exp.Expr] = {key: column(key) for key in self.plan.keys}
            own |= {
                name: column(self.writer.column_of(cell.value))
                for name, cell in cells.items()
                if self.relations.index(cell.relation) == number
            }
            own |= {_mark(number): column(_mark(number))} if number in self.guarded else {}
            values = [own.get(name, exp.null()) for name in names]
            parts.append(selected(values, names, table))
        every = exp.union(*parts, distinct=False, copy=False).subquery("every")
        totals = [exp.Max(this=column(name)) for name in [*cells, *marks]]
        keys = [column(key) for key in self.plan.keys]
        select = exp.select(*keys, *named(totals, [*cells, *marks])).from_(common(every), copy=False)
        return select.group_by(*(key.copy() for key in keys))

    def _largest(self, cell: Cell, tables: Sequence[str]) -> exp.Expr:
        table = tables[self.relations.index(cell.relation)]
        value = column(self.writer.column_of(cell.value), table)
        return extreme(exp.Max, value) if cell.value.measure.agg in ("min", "max") else exp.Max(this=value)

    def _marked(self, number: int, table: str) -> str:
        """Mark the rows of a relation, where it matters whether it has a row at all."""
        if number not in self.guarded:
            return table
        cells = [cell for cell in self.plan.cells if cell.relation == self.relations[number]]
        names = [*self.plan.keys, *(self.writer.column_of(cell.value) for cell in cells)]
        mark = exp.alias_(exp.Literal.number(1), _mark(number), quoted=True)
        return self.writer.add(
            f"{table}_marked", exp.select(*map(column, names), mark).from_(common(table), copy=False)
        )

    def value(self, node: Node) -> exp.Expr:
        """Turn a tree over cells into an expression over their columns."""
        match node:
            case Cell():
                return column(self.name(node))
            case Fill(inner, number):
                return exp.Coalesce(this=self.value(inner), expressions=[exp.Literal.number(number)])
            case Beside(inner, _):
                return self._guarded(node, self.value(inner), isinstance(inner, Fill))
            case Ratio(above, below):
                filled = isinstance(above, Fill) or isinstance(below, Fill)
                return self._guarded(node, divided(self.value(above), self.value(below)), filled)
        return self._formula(node)

    def _formula(self, node: Formula) -> exp.Expr:
        inputs = {name: self.value(part) for name, part in node.inputs}
        tree = divided_as_numbers(parsed(node.expr, self.writer.dialect))
        filled = makes_values(tree) or any(isinstance(part, Fill) for _, part in node.inputs)

        def replace(part: exp.Expr) -> exp.Expr:
            if isinstance(part, exp.Column) and not part.table and part.name in inputs:
                value = inputs[part.name].copy()
                return value if isinstance(value, exp.Column) else exp.paren(value, copy=False)
            return part

        return self._guarded(node, tree.transform(replace, copy=False), filled)

    def _guarded(self, node: Node, value: exp.Expr, filled: bool) -> exp.Expr:
        """Give no value where none of a metric's own relations has a row: others must not make one."""
        own = {self.relations.index(cell.relation) for cell in leaves(node)}
        if not filled or len(own) == len(self.tables):
            return value
        self.guarded |= own
        there = [
            exp.EQ(this=column(_mark(number)), expression=exp.Literal.number(1)) for number in sorted(own)
        ]
        return exp.Case().when(exp.or_(*there), value)


def _mark(number: int) -> str:
    return f"__present_{number}"


def _first(key: str, tables: Sequence[str]) -> exp.Expr:
    columns = [column(key, table) for table in tables]
    return exp.Coalesce(this=columns[0], expressions=columns[1:]) if columns[1:] else columns[0]


def _shown(select: exp.Select, plan: Plan, dialect: str) -> exp.Select:
    """Keep the rows of the result that meet the conditions on its values."""
    if not plan.where:
        return select
    outer = exp.select(*(column(name) for name in plan.columns)).from_(
        common(select.subquery("result")), copy=False
    )
    for template in plan.where:
        tree = divided_as_numbers(parsed(template.sql, dialect))
        for part in tree.find_all(exp.Column):
            name = plan.known_as.get(part.name, part.name)
            part.set("this", exp.to_identifier(name, quoted=True))
        condition = exp.paren(tree, copy=False) if isinstance(tree, exp.Connector) else tree
        outer = outer.where(condition, copy=False)
    return outer


def _ordered(select: exp.Select, plan: Plan) -> exp.Select:
    select = renamed(select, plan.aliases)
    for name in plan.order_by:
        bare = name.removeprefix("-")
        key = column(plan.aliases.get(bare, bare))
        ordered = exp.Ordered(this=key, desc=name.startswith("-"), nulls_first=False)
        select = select.order_by(ordered, copy=False)
    return select.limit(plan.limit, copy=False) if plan.limit is not None else select
