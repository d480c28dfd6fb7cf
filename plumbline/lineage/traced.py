"""What wrong cells of some rows of a table become further on: which rows can differ, told by what they carry.

A row that can differ carries, in some of its columns, a value of the wrong rows themselves: an order line has
the number of its order. Such columns tell which rows of a mart, and so which days, wrong cells can reach.
It holds whatever the tables contain, wrong cells or right ones. What is not understood carries nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from plumbline.lineage.analyse import parsed, tables_in
from plumbline.lineage.expressions import conjuncts, is_ordered, is_unknown, maybe_aggregates, multiplies
from plumbline.lineage.functions import follows_row_order
from plumbline.lineage.relations import Relation, in_order

if TYPE_CHECKING:
    from sqlglot.schema import MappingSchema

_NOT_UNDERSTOOD = (
    *("connect", "match", "pivots", "into", "cluster", "distribute", "sort", "prewhere", "exclude"),
    *("limit", "offset", "sample", "fetch", "laterals", "windows"),
)
_CLAUSES = ("where", "group", "having", "qualify", "order", "distinct")


class NotUnderstood(Exception):
    """A construct through which wrong cells cannot be followed."""


@dataclass(frozen=True)
class Traced:
    """A relation whose rows may differ: `columns` says of each whether it may, `rows` whether rows may.

    In each row that may differ a column of `carried` has the value of an expression over a wrong row.
    """

    columns: Mapping[str, bool] = field(default_factory=dict)
    rows: bool = False
    carried: Mapping[str, exp.Expr] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing of it can differ."""
        return not self.rows and not any(self.columns.values())

    def renamed(self, names: Collection[str]) -> Traced:
        """Give the first columns other names."""
        named = dict(zip(self.columns, names, strict=False))
        return Traced(
            {named.get(name, name): wrong for name, wrong in self.columns.items()},
            self.rows,
            {named.get(name, name): value for name, value in self.carried.items()},
        )


CLEAN = Traced()
# A column of one of the sources of a SELECT, by the name of the source.
Place = tuple[str, str]
Values = dict[Place, exp.Expr]


def wrong_cells(columns: Iterable[str], wrong: Collection[str]) -> Traced:
    """Give a table of which some columns are wrong in some rows; all others tell these rows."""
    names = [name.lower() for name in columns]
    spoiled = {name.lower() for name in wrong}
    kept = {name: exp.column(exp.to_identifier(name, quoted=True)) for name in names if name not in spoiled}
    return Traced({name: name in spoiled for name in names}, False, kept)


def traced_through(
    relations: Iterable[Relation],
    table: str,
    wrong: Traced,
    harmed: Collection[str],
    columns: Mapping[str, Mapping[str, str]],
) -> dict[str, Traced | None]:
    """Follow wrong cells of a table through the relations that they harm, each after those that it reads.

    `columns` are those of every table, with their types. None stands for what could not be followed.
    """
    known: dict[str, Traced | None] = {table.lower(): wrong}
    listed = [item for item in relations if item.sql and item.name.lower() in {*harmed} - known.keys()]
    if not listed:
        return known
    schema = _schema(columns)
    statements = {item.name.lower(): parsed(item.sql) for item in listed}
    reads = {
        item.name.lower(): tables_in(statements[item.name.lower()]) | {name.lower() for name in item.reads}
        for item in listed
    }
    for relation in in_order(listed, reads):
        name = relation.name.lower()
        known[name] = _followed(relation, statements[name], known, schema)
    return known


def _followed(
    relation: Relation,
    statement: exp.Expr | None,
    known: Mapping[str, Traced | None],
    schema: MappingSchema,
) -> Traced | None:
    named = tables_in(statement)
    beside = () if relation.is_same else {name.lower() for name in relation.reads} - named
    unknown = any(known.get(name, CLEAN) is None for name in (*named, *beside))
    if statement is None or relation.opaque or unknown or any(name in known for name in beside):
        return None
    traced = {name: found for name, found in known.items() if found is not None}
    try:
        return Tracer(traced, schema).trace(statement)
    except (NotUnderstood, SqlglotError, RecursionError, LookupError, ValueError, TypeError, AttributeError):
        return None


def _schema(columns: Mapping[str, Mapping[str, str]]) -> MappingSchema:
    from sqlglot.schema import MappingSchema

    nested: dict[str, Any] = {}
    for name, known in columns.items():
        schema, _, table = name.rpartition(".")
        (nested.setdefault(schema, {}) if schema else nested)[table] = dict(known)
    return MappingSchema(nested, dialect="duckdb")


@dataclass(frozen=True)
class Tracer:
    """Follows wrong cells through statements; `tables` are those that have some."""

    tables: Mapping[str, Traced]
    schema: MappingSchema

    def trace(self, statement: exp.Expr) -> Traced:
        """Give what becomes of the wrong cells in the answer; raises NotUnderstood, or SqlglotError."""
        from sqlglot.optimizer.qualify import qualify

        if any(is_unknown(function) for function in statement.find_all(exp.Func)):
            raise NotUnderstood("a function that may read anything")
        if statement.find(exp.Columns, exp.PositionalColumn, exp.Comprehension):
            raise NotUnderstood("columns that have no names")
        plain = statement.copy()
        for table in plain.find_all(exp.Table):
            table.set("catalog", None)
        plain = qualify(plain, schema=self.schema, dialect="duckdb", quote_identifiers=False)
        if any(not isinstance(star.parent, exp.Count) for star in plain.find_all(exp.Star)):
            raise NotUnderstood("columns that are not known")
        return self.query(plain, {})

    def query(self, node: exp.Expr, ctes: Mapping[str, Traced]) -> Traced:
        """Follow them through a query."""
        ctes = self._common_tables(node, ctes)
        if self.is_clean(node, ctes):
            return Traced(dict.fromkeys(_names(node), False))
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            _refuse(node, ("joins", "pivots", *_NOT_UNDERSTOOD))
            return self.query(node.this, ctes)
        if isinstance(node, exp.Union):
            return self._united(node, ctes)
        if isinstance(node, exp.Select):
            return _Select(self, node, ctes).traced()
        raise NotUnderstood(node.key)

    def is_clean(self, node: exp.Expr, ctes: Mapping[str, Traced]) -> bool:
        """Tell whether no table that is named anywhere within has wrong cells."""
        return all(self.named(table, ctes).is_clean for table in node.find_all(exp.Table))

    def named(self, table: exp.Table, ctes: Mapping[str, Traced]) -> Traced:
        """Give what a name in FROM stands for."""
        name = table.name.lower()
        if not table.db:
            return ctes.get(name) or self.tables.get(name, CLEAN)
        return self.tables.get(f"{table.db}.{name}".lower(), CLEAN)

    def _common_tables(self, node: exp.Expr, ctes: Mapping[str, Traced]) -> Mapping[str, Traced]:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        if clause.args.get("recursive") and not self.is_clean(clause, ctes):
            raise NotUnderstood("a recursive query")
        known = dict(ctes)
        for cte in clause.expressions:
            known[cte.alias.lower()] = self.query(cte.this, dict(known)).renamed(_column_names(cte))
        return known

    def _united(self, node: exp.Union, ctes: Mapping[str, Traced]) -> Traced:
        _refuse(node, ("by_name", "on", *_NOT_UNDERSTOOD))
        sides = [self.query(side, ctes) for side in (node.left, node.right)]
        sides[1] = sides[1].renamed(list(sides[0].columns))
        wrong = [side for side in sides if not side.is_clean]
        columns = {name: any(side.columns[name] for side in sides) for name in sides[0].columns}
        rows = any(side.rows for side in sides) or bool(node.args.get("distinct") and any(columns.values()))
        return Traced(columns, rows, _in_all([side.carried for side in wrong]))


def _in_all(several: list[Mapping[Any, exp.Expr]]) -> dict[Any, exp.Expr]:
    """Give what all of them carry alike."""
    if not several:
        return {}
    first, *others = several
    return {
        place: value for place, value in first.items() if all(other.get(place) == value for other in others)
    }


@dataclass
class _Source:
    """One source of a SELECT: its name, what is wrong in it, and the join that adds it."""

    alias: str
    traced: Traced
    join: exp.Join | None

    @property
    def side(self) -> str:
        return (self.join.side or "").upper() if self.join else ""

    @property
    def is_exact(self) -> bool:
        """Whether rows of the answer have the values of this source, and of no other row of it."""
        if self.join is None:
            return True
        kind, method = (self.join.kind or "").upper(), str(self.join.args.get("method") or "").upper()
        return self.side == "" and kind in ("", "INNER", "CROSS") and not method

    def equals(self) -> Iterator[tuple[Place, Place]]:
        """Give the columns that must be equal for a row of this source to be joined."""
        return _equal_places(self.join.args.get("on") if self.join else None)


class _Select:
    """Follows wrong cells through one SELECT whose columns are qualified."""

    def __init__(self, tracer: Tracer, node: exp.Select, ctes: Mapping[str, Traced]) -> None:
        _refuse(node, _NOT_UNDERSTOOD)
        self.tracer, self.node, self.ctes = tracer, node, ctes
        self.sources: list[_Source] = []
        self.outputs: list[tuple[str, exp.Expr]] = [
            (item.alias_or_name.lower(), item.unalias()) for item in node.expressions
        ]
        self.aliases = {
            name: value
            for name, value in self.outputs
            if not (isinstance(value, exp.Column) and value.name.lower() == name)
        }
        for join in (None, *(node.args.get("joins") or [])):
            clause = node.args.get("from_") if join is None else join
            if clause is not None:
                self._add(clause.this, join)

    def _add(self, item: exp.Expr, join: exp.Join | None) -> None:
        _refuse(item, ("pivots", "sample", "joins", "laterals", "when", "version"))
        traced = CLEAN
        if isinstance(item, exp.Table) and not isinstance(item.this, exp.Func):
            traced = self.tracer.named(item, self.ctes).renamed(_column_names(item))
        else:
            is_query = isinstance(item, exp.Subquery)
            if self._has_wrong(item) or not (is_query or self.tracer.is_clean(item, self.ctes)):
                raise NotUnderstood("rows that are made of wrong cells")
            if is_query:
                traced = self.tracer.query(item, self.ctes).renamed(_column_names(item))
        self.sources.append(_Source(item.alias_or_name.lower(), traced, join))

    def traced(self) -> Traced:
        """Give what becomes of the wrong cells in its answer."""
        clauses = [clause for name in _CLAUSES if (clause := self.node.args.get(name)) is not None]
        conditions = [on for source in self.sources if source.join and (on := source.join.args.get("on"))]
        everything = [*self.node.expressions, *clauses, *conditions]
        for part in everything:
            self._look_within(part)
        if self._is_unordered(everything) and not all(source.traced.is_clean for source in self.sources):
            raise NotUnderstood("what depends on the order in which rows come")
        active = [source for source in self.sources if self._is_active(source, everything)]
        if not active:
            return Traced(dict.fromkeys((name for name, _ in self.outputs), False))
        if any(source.side in ("RIGHT", "FULL") or _is_odd(source) for source in self.sources):
            raise NotUnderstood("a join that may lose rows on both sides")
        if any(multiplies(value) for _, value in self.outputs):
            raise NotUnderstood("a projection that makes several rows of one")
        rows = any(source.traced.rows for source in active)
        rows |= any(map(self._has_wrong, (*conditions, *self._of("where"))))
        return self._shaped(rows, _in_all([self._carried(source) for source in active]))

    def _is_unordered(self, parts: list[exp.Expr]) -> bool:
        functions = (function for part in parts for function in part.find_all(exp.Func))
        return any(follows_row_order(function) and not is_ordered(function) for function in functions)

    def _of(self, name: str) -> list[exp.Expr]:
        found = self.node.args.get(name)
        return [] if found is None else [found]

    def _look_within(self, part: exp.Expr) -> None:
        """A query within an expression must have nothing wrong in it."""
        for inner in part.find_all(exp.Query):
            if not self.tracer.query(inner, self.ctes).is_clean:
                raise NotUnderstood("a query within an expression")

    def _is_active(self, source: _Source, parts: list[exp.Expr]) -> bool:
        if source.traced.rows:
            return True
        return any(
            column.table.lower() in (source.alias, "")
            and source.traced.columns.get(column.name.lower(), False)
            for part in parts
            for column in part.find_all(exp.Column)
        )

    # What is wrong

    def _has_wrong(self, part: exp.Expr) -> bool:
        return any(map(self._is_wrong, part.find_all(exp.Column)))

    def _is_wrong(self, column: exp.Column) -> bool:
        name = column.name.lower()
        if not column.table and name in self.aliases:
            return self._has_wrong(self.aliases[name])
        if not column.table and any(source.alias == name for source in self.sources):
            raise NotUnderstood("a row as a whole")
        for source in self.sources:
            if column.table.lower() in (source.alias, ""):
                if source.traced.columns and column.table and name not in source.traced.columns:
                    raise NotUnderstood(f"the column {column.name}")
                if source.traced.columns.get(name, False):
                    return True
        return False

    # What rows carry

    def _carried(self, source: _Source) -> Values:
        """Give what rows carry that differ because of one source."""
        own: Values = {(source.alias, name): value for name, value in source.traced.carried.items()}
        found = dict(own) if source.is_exact else {}
        for one, other in source.equals():
            # A row is joined to another row of the source only if these are equal, be it lost or found.
            for mine, theirs in ((one, other), (other, one)):
                if mine in own and theirs[0] != source.alias:
                    found.setdefault(theirs, own[mine])
        pairs = [pair for each in self.sources if each.is_exact for pair in each.equals()]
        pairs += _equal_places(self.node.args.get("where"))
        for _ in pairs:
            for one, other in pairs:
                for known, equal in ((one, other), (other, one)):
                    if known in found:
                        found.setdefault(equal, found[known])
        return found

    def _shaped(self, rows: bool, carried: Values) -> Traced:
        """Go on through groups, windows, and what is made distinct."""
        group, keys = self.node.args.get("group"), self._keys()
        together = any(maybe_aggregates(value) for _, value in self.outputs) or any(
            maybe_aggregates(clause) for name in ("having", "qualify", "order") for clause in self._of(name)
        )
        columns = {name: self._differs(value, rows) for name, value in self.outputs}
        carried, around = self._looked_around(rows, carried)
        if group is not None and around:
            raise NotUnderstood("windows over groups")
        if group is not None:
            rows = rows or any(map(self._has_wrong, (*keys, *self._of("having"))))
        elif together:
            carried, rows = {}, rows or any(map(self._has_wrong, self._of("having")))
        rows = rows or (around and bool(self._of("qualify")))
        rows = rows or any(map(self._has_wrong, self._of("qualify")))
        if distinct := self.node.args.get("distinct"):
            carried = self._distinct(distinct, rows, carried)
            rows = rows or any(map(self._has_wrong, (*self.node.expressions, distinct, *self._of("order"))))
        told = {
            name: kept
            for name, value in self.outputs
            if (kept := _kept(value, carried)) is not None
            and (group is None or value in keys or value.find(exp.Column) in keys)
        }
        return Traced(columns, rows, told)

    def _differs(self, value: exp.Expr, rows: bool) -> bool:
        return self._has_wrong(value) or (
            rows and (maybe_aggregates(value) or value.find(exp.Window) is not None)
        )

    def _keys(self) -> list[exp.Expr]:
        """Give the expressions that rows are grouped by."""
        group = self.node.args.get("group")
        if group is None:
            return []
        _refuse(group, ("grouping_sets", "cube", "rollup", "totals"))
        if group.args.get("all"):
            return [value for _, value in self.outputs if not maybe_aggregates(value)]
        return [self._meant(item) for item in group.expressions]

    def _meant(self, item: exp.Expr) -> exp.Expr:
        if isinstance(item, exp.Literal) and item.is_int:
            return self.outputs[int(item.name) - 1][1]
        if isinstance(item, exp.Column) and not item.table:
            return dict(self.outputs).get(item.name.lower(), item)
        return item

    def _looked_around(self, rows: bool, carried: Values) -> tuple[Values, bool]:
        """Keep what all windows are partitioned by that see wrong rows; tells whether there are such."""
        parts = [*(value for _, value in self.outputs), *self._of("qualify")]
        seeing = [
            window
            for part in parts
            for window in part.find_all(exp.Window)
            if rows or self._has_wrong(window)
        ]
        for window in seeing:
            carried = _only(carried, window.args.get("partition_by") or [])
        return carried, bool(seeing)

    def _distinct(self, distinct: exp.Distinct, rows: bool, carried: Values) -> Values:
        on = distinct.args.get("on")
        if on is None:
            return carried
        return _only(carried, on.expressions if isinstance(on, exp.Tuple) else [on])


def _only(carried: Values, kept: Iterable[exp.Expr]) -> Values:
    places = {(item.table.lower(), item.name.lower()) for item in kept if isinstance(item, exp.Column)}
    return {place: value for place, value in carried.items() if place in places}


def _kept(value: exp.Expr, carried: Values) -> exp.Expr | None:
    """Give an expression over a wrong row for an output that is one column, be it as another type."""
    if isinstance(value, exp.Column):
        return carried.get((value.table.lower(), value.name.lower()))
    if isinstance(value, exp.Paren):
        return _kept(value.this, carried)
    if isinstance(value, exp.Cast) and (inner := _kept(value.this, carried)) is not None:
        changed = value.copy()
        changed.set("this", inner.copy())
        return changed
    return None


def _equal_places(condition: exp.Expr | None) -> Iterator[tuple[Place, Place]]:
    for each in conjuncts(condition):
        sides = (each.left, each.right) if isinstance(each, exp.EQ) else ()
        places = [(s.table.lower(), s.name.lower()) for s in sides if isinstance(s, exp.Column) and s.table]
        if len(places) == 2:
            yield places[0], places[1]


def _is_odd(source: _Source) -> bool:
    method = str(source.join.args.get("method") or "").upper() if source.join else ""
    return method in ("NATURAL", "POSITIONAL") or bool(source.join and source.join.args.get("using"))


def _refuse(node: exp.Expr, clauses: Iterable[str]) -> None:
    for name in clauses:
        if node.args.get(name):
            raise NotUnderstood(name)


def _names(node: exp.Expr) -> list[str]:
    named: Callable[[], list[str]] | list[str] = getattr(node, "named_selects", [])
    return [name.lower() for name in named] if isinstance(named, list | tuple) else []


def _column_names(node: exp.Expr) -> list[str]:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    return [column.name.lower() for column in columns or []]
