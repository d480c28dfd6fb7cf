"""The engines that answer compiled SQL, over the same tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol

import duckdb
import psycopg2.extensions
import pytest
from psycopg2.extras import execute_values
from psycopg2.sql import SQL, Identifier

# All tests on PostgreSQL share one.
ONE_SERVER = pytest.mark.xdist_group("postgres")


class Engine(Protocol):
    """Answers SQL of its dialect."""

    dialect: str

    def rows(self, sql: str, zone: str = "") -> list[tuple[Any, ...]]:
        """Give the rows, as a session in a time zone sees them."""

    def columns(self, sql: str) -> list[str]:
        """Name the columns."""


class DuckDB:
    """The engine of the project; it answers SQL by hand, too."""

    dialect = "duckdb"

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con

    def rows(self, sql: str, zone: str = "") -> list[tuple[Any, ...]]:
        with self.con.cursor() as session:
            if zone:
                session.execute(f"SET TimeZone = '{zone}'")
            return session.execute(sql).fetchall()

    def columns(self, sql: str) -> list[str]:
        return [item[0] for item in self.con.execute(sql).description or ()]


class Postgres:
    """A server in a zone where a day of the market begins at one o'clock: no answer may depend on that."""

    dialect = "postgres"
    zone = "Asia/Beirut"

    def __init__(self, con: psycopg2.extensions.connection) -> None:
        self.con = con

    def rows(self, sql: str, zone: str = "") -> list[tuple[Any, ...]]:
        with self.con.cursor() as session:
            session.execute("SET TimeZone = %s", [zone or self.zone])
            session.execute(sql)
            return list(session.fetchall())

    def columns(self, sql: str) -> list[str]:
        with self.con.cursor() as session:
            session.execute(sql)
            return [item.name for item in session.description or ()]


@contextmanager
def postgres(address: str, source: duckdb.DuckDBPyConnection, database: str) -> Iterator[Postgres]:
    """Answer from a copy of all tables in a new database, which is gone afterwards.

    Where names of tables begin with a database, it must be this one: a session knows no other.
    """
    with closing(psycopg2.connect(address)) as server:
        server.autocommit = True
        server.cursor().execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
        with closing(psycopg2.connect(address, dbname=database)) as con:
            con.autocommit = True
            _copy(source, con)
            yield Postgres(con)
        server.cursor().execute(SQL("DROP DATABASE {}").format(Identifier(database)))


def _copy(source: duckdb.DuckDBPyConnection, con: psycopg2.extensions.connection) -> None:
    tables: dict[tuple[str, str], list[tuple[str, str]]] = {}
    described = "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
    for schema, table, name, kind in source.execute(f"{described} ORDER BY ordinal_position").fetchall():
        tables.setdefault((schema, table), []).append((name, kind))
    with con.cursor() as session:
        for schema in sorted({schema for schema, _ in tables}):
            session.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
        for (schema, table), columns in tables.items():
            target = Identifier(schema, table)
            session.execute(SQL("CREATE TABLE {} ({})").format(target, _columns(columns)))
            rows = source.execute(f"SELECT * FROM {schema}.{table}").fetchall()
            execute_values(session, SQL("INSERT INTO {} VALUES %s").format(target), rows)


def _columns(columns: Sequence[tuple[str, str]]) -> Any:
    """Describe columns; the names of the types used here are the same in both engines."""
    return SQL(", ").join(SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in columns)
