"""SQLAlchemy over a DuckDB connection that is already open, for Great Expectations.

Great Expectations closes its connection before it fetches, and DuckDB's results die with theirs; so every
statement is fetched to the end as soon as it has run. The dialect speaks PostgreSQL where DuckDB does, and
reflects tables from DuckDB's own catalogue. It only reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect
from sqlalchemy.pool import StaticPool

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_TYPES: dict[str, type[types.TypeEngine[Any]]] = {
    "BIGINT": types.BIGINT,
    "BLOB": types.LargeBinary,
    "BOOLEAN": types.BOOLEAN,
    "DATE": types.DATE,
    "DOUBLE": types.DOUBLE,
    "FLOAT": types.REAL,
    "INTEGER": types.INTEGER,
    "INTERVAL": types.Interval,
    "SMALLINT": types.SMALLINT,
    "TIME": types.TIME,
    "TIMESTAMP": types.TIMESTAMP,
    "TIMESTAMP_MS": types.TIMESTAMP,
    "TIMESTAMP_NS": types.TIMESTAMP,
    "TIMESTAMP_S": types.TIMESTAMP,
    "TINYINT": types.SMALLINT,
    "UBIGINT": types.NUMERIC,
    "UINTEGER": types.BIGINT,
    "USMALLINT": types.INTEGER,
    "UTINYINT": types.SMALLINT,
    "UUID": types.UUID,
    "VARCHAR": types.VARCHAR,
}


class OtherType(types.UserDefinedType[Any]):
    """A DuckDB type that SQLAlchemy has none for, such as a list; it can be named, and no more."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **kw: Any) -> str:
        return self.name


def reflected_type(name: str) -> types.TypeEngine[Any]:
    """Give SQLAlchemy's type for the name of a DuckDB type."""
    if decimal := _DECIMAL.fullmatch(name):
        return types.NUMERIC(int(decimal[1]), int(decimal[2]))
    if name in ("HUGEINT", "UHUGEINT"):
        return types.NUMERIC(38, 0)
    if name == "TIMESTAMP WITH TIME ZONE":
        return types.TIMESTAMP(timezone=True)
    if name.startswith("ENUM(") and not name.endswith("]"):
        return types.VARCHAR()
    found = _TYPES.get(name)
    return found() if found else OtherType(name)


class FetchedCursor:
    """A DB-API cursor whose rows are already here when `execute` returns."""

    arraysize = 1
    rowcount = -1

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self._next = 0
        self.description: Any = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        self._connection.execute(statement, list(parameters))
        self.description = self._connection.description
        self._rows = self._connection.fetchall() if self.description else []
        self._next = 0

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        for values in parameters:
            self.execute(statement, values)

    def fetchone(self) -> tuple[Any, ...] | None:
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        first, self._next = self._next, self._next + (size or self.arraysize)
        return self._rows[first : self._next]

    def fetchall(self) -> list[tuple[Any, ...]]:
        first, self._next = self._next, len(self._rows)
        return self._rows[first:]

    def close(self) -> None:
        self._rows = []


class FetchedConnection:
    """A DB-API connection over a cursor of an open DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def cursor(self) -> FetchedCursor:
        return FetchedCursor(self._connection)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None:
        self._connection.close()


class _Driver:
    """The DB-API module that SQLAlchemy asks for: DuckDB's own, for its exceptions."""

    apilevel = "2.0"
    threadsafety = 1
    paramstyle = "qmark"

    def __getattr__(self, name: str) -> Any:
        return getattr(duckdb, name)


class DuckDBCompiler(PGCompiler):
    """PostgreSQL's SQL, with DuckDB's function for regular expressions: its `~` matches whole values only."""

    def visit_custom_op_binary(self, element: Any, operator: Any, **kwargs: Any) -> str:
        if operator.opstring in ("~", "!~"):
            value, pattern = self.process(element.left, **kwargs), self.process(element.right, **kwargs)
            return f"{'NOT ' if operator.opstring == '!~' else ''}regexp_matches({value}, {pattern})"
        written: str = super().visit_custom_op_binary(element, operator, **kwargs)  # type: ignore[no-untyped-call]
        return written


class DuckDBDialect(PGDialect):
    """DuckDB for reading, as far as Great Expectations asks; schemas without a catalogue."""

    driver = "plumbline"
    default_paramstyle = "qmark"
    statement_compiler = DuckDBCompiler
    supports_statement_cache = False
    supports_native_enum = False
    _columns: dict[tuple[str, str], list[tuple[str, str, bool]]] | None = None

    @classmethod
    def import_dbapi(cls) -> Any:
        return _Driver()

    def initialize(self, connection: Any) -> None:
        self.default_schema_name = "main"
        self.server_version_info = (15, 0)  # type: ignore[assignment]

    def on_connect(self) -> None:
        return None

    def do_begin(self, dbapi_connection: Any) -> None: ...

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        return "AUTOCOMMIT"

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        found = self._every_column(connection).get((schema or "main", table_name))
        if not found:
            raise sa.exc.NoSuchTableError(table_name)
        return [
            {"name": name, "type": reflected_type(kind), "nullable": nullable, "default": None}
            for name, kind, nullable in found
        ]

    def _every_column(self, connection: Any) -> dict[tuple[str, str], list[tuple[str, str, bool]]]:
        # DuckDB walks its whole catalogue for one table as for all, so all are read once for an engine.
        if self._columns is None:
            self._columns = {}
            query = (
                "select schema_name, table_name, column_name, data_type, is_nullable from duckdb_columns()"
                " where database_name = current_database() and not internal order by column_index"
            )
            for schema, table, *column in _catalogue(connection, query):
                self._columns.setdefault((schema, table), []).append(tuple(column))
        return self._columns

    def get_multi_columns(self, connection: Any, **kw: Any) -> Any:  # type: ignore[override]
        schema, names = kw.get("schema"), kw.get("filter_names") or ()
        return [((schema, name), self.get_columns(connection, name, schema)) for name in names]

    def get_schema_names(self, connection: Any, **kw: Any) -> Any:
        query = "select schema_name from duckdb_schemas() where database_name = current_database()"
        return [name for (name,) in _catalogue(connection, query)]

    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> Any:
        query = (
            "select table_name from duckdb_tables()"
            " where database_name = current_database() and schema_name = ?"
        )
        return [name for (name,) in _catalogue(connection, query, (schema or "main",))]

    def get_view_names(self, connection: Any, schema: str | None = None, **kw: Any) -> Any:
        query = (
            "select view_name from duckdb_views()"
            " where database_name = current_database() and not internal and schema_name = ?"
        )
        return [name for (name,) in _catalogue(connection, query, (schema or "main",))]

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        names = self.get_table_names(connection, schema) + self.get_view_names(connection, schema)
        return table_name in names

    def get_pk_constraint(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        return []

    def get_indexes(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        return []

    def get_unique_constraints(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        return []

    def get_check_constraints(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        return []

    def get_table_comment(self, connection: Any, table_name: str, schema: Any = None, **kw: Any) -> Any:
        return {"text": None}


def _catalogue(connection: Any, query: str, parameters: Sequence[str] = ()) -> list[Any]:
    return list(connection.exec_driver_sql(query, tuple(parameters)).fetchall())


@contextmanager
def engine_over(con: duckdb.DuckDBPyConnection) -> Iterator[sa.Engine]:
    """Open a SQLAlchemy engine on a cursor of `con`; it sees what is committed, in the same database."""
    database, schema = con.execute("select current_database(), current_schema()").fetchone() or ("", "")
    cursor = con.cursor()
    cursor.execute(f"use {_quoted(database)}.{_quoted(schema)}")
    engine = sa.create_engine(
        "postgresql+plumbline://", creator=lambda: FetchedConnection(cursor), poolclass=StaticPool
    )
    try:
        yield engine
    finally:
        engine.dispose()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


registry.register("postgresql.plumbline", __name__, "DuckDBDialect")
