"""Which parts truly change a query: change one at a time in DuckDB, and look.

The tables are in tables.sql, the queries in difficult.sql.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from plumbline.lineage.analyse import Analysis, parsed
from plumbline.lineage.parts import EVERY, ROWS, Part, stored

_HERE = Path(__file__).parent
KEYS = {"products": [("id",)], "customers": [("id",)], "orders": [("id",)]}
_TIMES = 6


@dataclass(frozen=True)
class Change:
    """One change of a table, in SQL, and the parts that it touches."""

    table: str
    column: str
    sql: str


class Market:
    """The tables, what lineage says of a query over them, and what is true."""

    def __init__(self) -> None:
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute((_HERE / "tables.sql").read_text())
        tables = self.con.execute("select table_name from duckdb_tables()").fetchall()
        self.columns = {table: self._columns(table) for (table,) in tables}

    def _columns(self, table):
        return {name: kind for name, kind, *_ in self.con.execute(f"describe {table}").fetchall()}

    def analysis(self) -> Analysis:
        tables = {name: stored(name, columns, KEYS.get(name, ())) for name, columns in self.columns.items()}
        return Analysis(tables=tables)

    def said(self, sql):
        """Give what each column rests on, rows included, what the rows do, and why whole tables count."""
        analysis = self.analysis()
        statement = parsed(sql)
        assert statement is not None, sql
        shape = analysis.read("query", statement)
        rows = {Part(mark.table, mark.column) for mark in shape.rows}
        found = {}
        for name in self.answer(sql)[0]:
            marks = shape.column(name.lower())
            assert marks is not None, f"the column {name} is not known: {list(shape.columns)}"
            found[name] = rows | {Part(mark.table, mark.column) for mark in marks}
        return found, rows, {item.why for item in analysis.fallbacks}

    def answer(self, sql):
        found = self.con.execute(sql)
        names = [column[0] for column in found.description]
        return names, [tuple(map(repr, row)) for row in found.fetchall()]

    def changes(self, table) -> Iterator[Change]:
        yield from self._row_changes(table)
        for column in self.columns[table]:
            yield from self._value_changes(table, column)

    def _row_changes(self, table):
        (count,) = self.con.execute(f"select count(*) from {table}").fetchone()
        for number in range(count):
            yield Change(table, ROWS, f"delete from {table} where rowid = {number}")
            yield Change(table, ROWS, f"insert into {table} select * from {table} where rowid = {number}")
        yield Change(table, ROWS, f"delete from {table}")

    def _value_changes(self, table, column):
        kind = self.columns[table][column]
        found = self.con.execute(f"select distinct {column}::varchar from {table} order by all").fetchall()
        values = [*(value for (value,) in found), None, *_STRANGE.get(kind.split("(")[0], ())]
        (count,) = self.con.execute(f"select count(*) from {table}").fetchone()
        pairs = list(itertools.product(range(count), dict.fromkeys(values)))
        random.Random(f"{table}.{column}").shuffle(pairs)
        for number, value in pairs[:_TIMES]:
            yield Change(table, column, _update(table, column, kind, value) + f" where rowid = {number}")
        for value in dict.fromkeys(values[:3]):
            yield Change(table, column, _update(table, column, kind, value))

    def truth(self, sql):
        """Give which parts change which columns, and which change how many rows there are."""
        return self.truths({"": sql})[""]

    def truths(self, queries):
        """Give it for each of the queries; a change is made once for all that name its table."""
        asked = {name: _Asked(sql, *self.answer(sql)) for name, sql in queries.items()}
        for table in self.columns:
            concerned = [query for query in asked.values() if table in query.sql]
            for change in self.changes(table) if concerned else ():
                self._try_out(change, concerned)
        return {name: (query.columns, query.truly_rows) for name, query in asked.items()}

    def _try_out(self, change, concerned):
        touched = self._begin(change)
        try:
            for query in concerned:
                try:
                    query.compare(*self.answer(query.sql), touched)
                except duckdb.Error as error:
                    query.compare([f"refused: {type(error).__name__}"], [], touched)
                    self.con.execute("rollback")
                    self._begin(change)
        finally:
            self.con.execute("rollback")

    def _begin(self, change):
        """Make the change; gives what it touches.

        A change that breaks a key is found by the check of the key, which touches the rows, too.
        """
        self.con.execute("begin")
        self.con.execute(change.sql)
        parts = {Part(change.table, change.column)}
        return frozenset(parts | {Part(change.table, ROWS)} if self._is_broken(change) else parts)

    def _is_broken(self, change):
        if (change.column,) not in KEYS.get(change.table, ()):
            return False
        values = f"count({change.column}), count(distinct {change.column})"
        there, different = self.con.execute(f"select {values} from {change.table}").fetchone()
        return there > different


@dataclass
class _Asked:
    """A query, its answer before any change, and what has been found to change it."""

    sql: str
    names: list[str]
    before: list[tuple[str, ...]]
    columns: dict[str, set[frozenset[Part]]] = field(default_factory=dict)
    truly_rows: set[frozenset[Part]] = field(default_factory=set)

    def __post_init__(self):
        self.counts = self._by_column(self.before)

    def _by_column(self, rows):
        return [Counter(column) for column in zip(*rows, strict=True)] or [Counter()] * len(self.names)

    def compare(self, names, after, touched):
        if len(after) != len(self.before) or names != self.names:
            self.truly_rows.add(touched)
        if names != self.names or after == self.before:
            return
        for name, then, now in zip(names, self.counts, self._by_column(after), strict=True):
            if then != now:
                self.columns.setdefault(name, set()).add(touched)


def missed(said, rows, columns, truly_rows):
    """Name what truly changes something, and lineage does not say so."""
    found = {("rows", touched) for touched in truly_rows if not _covered(touched, rows)}
    for name, touches in columns.items():
        found |= {(name, touched) for touched in touches if not _covered(touched, said[name])}
    return found


def needless(said, rows, columns, truly_rows):
    """Name what lineage says can change a query, and did not in any trial."""
    true = {part for touches in (*columns.values(), truly_rows) for touched in touches for part in touched}
    return set().union(rows, *said.values()) - true


def _covered(touched, parts):
    return any(part in parts or Part(part.table, EVERY) in parts for part in touched)


_STRANGE = {
    "INTEGER": ("-7", "1", "999"),
    "DATE": ("1999-12-31", "2031-01-01"),
    "TIMESTAMP": ("1999-12-31 00:00", "2031-01-01 00:00"),
    "VARCHAR": ("zzz", ""),
    "DECIMAL": ("-5", "0", "1000"),
    "VARCHAR[]": ("[zz, zz, zz]",),
}


def _update(table, column, kind, value):
    return f"update {table} set {column} = cast({_literal(value)} as {kind})"


def _literal(value):
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def queries():
    """Give the difficult queries by their names."""
    blocks = (_HERE / "difficult.sql").read_text().split("\n-- ")[1:]
    return {name: sql.strip().rstrip(";") for name, _, sql in (block.partition("\n") for block in blocks)}
