"""Wrong cells on their way through the SQL of models: what becomes of them in each table that they harm."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from plumbline.lineage.analyse import parsed, tables_in
from plumbline.lineage.expressions import is_unknown
from plumbline.lineage.relations import Relation, in_order
from plumbline.lineage.traced import (
    CLEAN,
    NOT_UNDERSTOOD,
    NotUnderstood,
    Traced,
    column_names,
    in_all,
    refuse,
)
from plumbline.lineage.traced_select import Select

if TYPE_CHECKING:
    from sqlglot.schema import MappingSchema


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
            refuse(node, ("joins", "pivots", *NOT_UNDERSTOOD))
            return self.query(node.this, ctes)
        if isinstance(node, exp.Union):
            return self._united(node, ctes)
        if isinstance(node, exp.Select):
            return Select(self, node, ctes).traced()
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
            known[cte.alias.lower()] = self.query(cte.this, dict(known)).renamed(column_names(cte))
        return known

    def _united(self, node: exp.Union, ctes: Mapping[str, Traced]) -> Traced:
        refuse(node, ("by_name", "on", *NOT_UNDERSTOOD))
        sides = [self.query(side, ctes) for side in (node.left, node.right)]
        sides[1] = sides[1].renamed(list(sides[0].columns))
        wrong = [side for side in sides if not side.is_clean]
        columns = {name: any(side.columns[name] for side in sides) for name in sides[0].columns}
        rows = any(side.rows for side in sides) or bool(node.args.get("distinct") and any(columns.values()))
        return Traced(columns, rows, in_all([side.carried for side in wrong]))


def _names(node: exp.Expr) -> list[str]:
    named: Callable[[], list[str]] | list[str] = getattr(node, "named_selects", [])
    return [name.lower() for name in named] if isinstance(named, list | tuple) else []
