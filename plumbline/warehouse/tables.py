"""Tables and their columns, as DuckDB's catalogue has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.warehouse.duck import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Column:
    """A column and its SQL type."""

    name: str
    type: str


def identifier(*parts: str) -> str:
    """Quote a name: `identifier("g", "order lines")` gives `"g"."order lines"`."""
    return ".".join(quoted(part) for part in parts)


def names(columns: Iterable[Column]) -> str:
    """List column names for a SELECT."""
    return ", ".join(identifier(column.name) for column in columns)


def database_of(con: DuckDBPyConnection) -> str:
    """Name the database that a connection works in."""
    row = con.execute("SELECT current_database()").fetchone()
    return str(row[0]) if row else ""


def tables_of(con: DuckDBPyConnection, database: str, schema: str) -> dict[str, tuple[Column, ...]]:
    """Describe the tables and views of a schema, by name; dbt's temporary relations are left out."""
    found: dict[str, list[Column]] = {}
    rows = con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = ? ORDER BY table_name, column_index",
        [database, schema],
    ).fetchall()
    for table, column, kind in rows:
        if "__dbt_" not in table:
            found.setdefault(table, []).append(Column(column, kind))
    return {table: tuple(columns) for table, columns in found.items()}


def columns_of(con: DuckDBPyConnection, database: str, schema: str, table: str) -> tuple[Column, ...]:
    """Describe the columns of one table or view; none where it does not exist."""
    from duckdb import CatalogException

    try:
        rows = con.execute(f"DESCRIBE {identifier(database, schema, table)}").fetchall()
    except CatalogException:
        return ()
    return tuple(Column(row[0], row[1]) for row in rows)


def insert_rows(con: DuckDBPyConnection, relation: str, rows: Sequence[Sequence[object]]) -> None:
    """Put rows into a table, all by one statement: a statement for each row takes much longer."""
    if rows:
        line = f"({', '.join('?' * len(rows[0]))})"
        values = [value for row in rows for value in row]
        con.execute(f"INSERT INTO {relation} VALUES {', '.join([line] * len(rows))}", values)
