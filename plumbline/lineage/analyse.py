"""From the SQL of all tables to the graph of what rests on what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from plumbline.lineage.graph import Fallback
from plumbline.lineage.parts import EVERY, NOTHING, ROWS, Mark, Marks, Part, Shape, stored, union
from plumbline.lineage.queries import Reader
from plumbline.lineage.relations import Relation, in_order


@dataclass
class Analysis:
    """What every part rests on directly, the stored tables, and where whole tables were taken."""

    edges: dict[Part, Marks] = field(default_factory=dict)
    tables: dict[str, Shape] = field(default_factory=dict)
    fallbacks: set[Fallback] = field(default_factory=set)

    def add(self, relation: Relation, statement: exp.Expr | None) -> None:
        """Add a relation; those that it reads are there already."""
        shape = self._shape(relation, statement)
        columns = relation.columns or _names(shape)
        known = () if shape.is_open and not relation.columns else columns
        self.tables[relation.name.lower()] = stored(relation.name, known, relation.keys, shape)
        for column in columns:
            self._join(Part(relation.name, column), shape.column(column.lower()) or NOTHING)
        if not known and relation.sql:
            self._join(Part(relation.name, EVERY), shape.values)
        self._join(Part(relation.name, ROWS), shape.rows | self._beside(relation, statement))

    def _join(self, part: Part, marks: Marks) -> None:
        if marks:
            self.edges[part] = marks

    def _shape(self, relation: Relation, statement: exp.Expr | None) -> Shape:
        if not relation.sql:
            return Shape(dict.fromkeys((name.lower() for name in relation.columns), NOTHING))
        if relation.opaque or statement is None:
            return self._whole(relation, statement, relation.opaque or "its SQL cannot be parsed")
        try:
            shape = self.read(relation.name, statement)
        except (SqlglotError, RecursionError, LookupError, ValueError, TypeError, AttributeError) as error:
            return self._whole(relation, statement, f"its SQL is not understood: {error}")
        declared = {column.lower() for column in relation.columns}
        if declared and not shape.is_open and declared - shape.columns.keys():
            missing = ", ".join(sorted(declared - shape.columns.keys()))
            return self._whole(relation, statement, f"its SQL does not show where {missing} come from")
        return shape

    def read(self, where: str, statement: exp.Expr) -> Shape:
        """Read a statement over the tables that are known so far."""
        return Reader(self.tables, lambda why: self.fallbacks.add(Fallback(where, why))).read(statement)

    def _whole(self, relation: Relation, statement: exp.Expr | None, why: str) -> Shape:
        """Take everything of every table that a relation reads."""
        self.fallbacks.add(Fallback(relation.name, why))
        names = {*relation.reads, *(tables_in(statement) if statement else ())}
        marks = union(self._table(name).everything for name in names)
        return Shape(dict.fromkeys((name.lower() for name in relation.columns), marks), marks, marks, True)

    def _beside(self, relation: Relation, statement: exp.Expr | None) -> Marks:
        """What only another form of the SQL reads: it may decide about any row.

        Where that form gives the same, this counts only by what goes wrong there itself.
        """
        unseen = {name.lower() for name in relation.reads} - tables_in(statement)
        marks = union(self._decided_by(name, relation) for name in unseen)
        return frozenset(Mark(*mark[:2], relation.is_same) for mark in marks)

    def _decided_by(self, name: str, relation: Relation) -> Marks:
        shape = self._table(name)
        columns = dict(relation.only).get(name)
        if columns is None:
            return shape.everything
        known = [shape.column(column.lower()) for column in columns]
        if any(marks is None for marks in known):
            return shape.everything
        return shape.rows | union(marks for marks in known if marks)

    def _table(self, name: str) -> Shape:
        return self.tables.get(name.lower()) or stored(name, ())


def analyse(relations: Iterable[Relation]) -> Analysis:
    """Find what every column and the rows of every relation rest on."""
    listed = list(relations)
    statements = {item.name.lower(): _statement(item) for item in listed if item.sql}
    reads = {
        item.name.lower(): tables_in(statement) | {name.lower() for name in item.reads}
        for item in listed
        if (statement := statements.get(item.name.lower())) or item.reads
    }
    found = Analysis()
    for relation in in_order(listed, reads):
        found.add(relation, statements.get(relation.name.lower()))
    return found


def parsed(sql: str) -> exp.Expr | None:
    """Parse a statement; None for what cannot be parsed."""
    try:
        return sqlglot.parse_one(sql, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return None


def tables_in(statement: exp.Expr | None) -> frozenset[str]:
    """Name the tables (`schema.table`) that a statement names."""
    if statement is None:
        return frozenset()
    within = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
    return frozenset(
        f"{table.db}.{table.name}".lower() if table.db else table.name.lower()
        for table in statement.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier) and (table.db or table.name.lower() not in within)
    )


def _statement(relation: Relation) -> exp.Expr | None:
    shown = parsed(relation.same_as) if relation.same_as else None
    return shown or parsed(relation.sql)


def _names(shape: Shape) -> tuple[str, ...]:
    return tuple(name for name in shape.columns if not name.startswith("?"))
