"""Which parts truly change a query: change one at a time in DuckDB, and look.

The tables are in tables.sql, the queries in difficult.sql.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
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

    def changes(self, sql) -> Iterator[Change]:
        for table, columns in self.columns.items():
            if table in sql:
                yield from self._row_changes(table)
                for column in columns:
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
        names, before = self.answer(sql)
        counts = [Counter(column) for column in zip(*before, strict=True)] or [Counter()] * len(names)
        columns, rows = {}, set()
        for change in self.changes(sql):
            after_names, after = self._changed(change, sql)
            touched = self._touched(change)
            if len(after) != len(before):
                rows.add(touched)
            if after_names != names:
                rows.add(touched)
                continue
            found = [Counter(column) for column in zip(*after, strict=True)] or [Counter()] * len(names)
            for name, then, now in zip(names, counts, found, strict=True):
                if then != now:
                    columns.setdefault(name, set()).add(touched)
        return columns, rows

    def _changed(self, change, sql):
        self.con.execute("begin")
        try:
            self.con.execute(change.sql)
            self._breaks_key = self._is_broken(change)
            try:
                return self.answer(sql)
            except duckdb.Error as error:
                return [f"refused: {type(error).__name__}"], []
        finally:
            self.con.execute("rollback")

    def _is_broken(self, change):
        if (change.column,) not in KEYS.get(change.table, ()):
            return False
        values = f"count({change.column}), count(distinct {change.column})"
        there, different = self.con.execute(f"select {values} from {change.table}").fetchone()
        return there > different

    def _touched(self, change):
        """A change that breaks a key is found by the check of the key, which touches the rows, too."""
        own = Part(change.table, change.column)
        return frozenset({own, Part(change.table, ROWS)}) if self._breaks_key else frozenset({own})


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
