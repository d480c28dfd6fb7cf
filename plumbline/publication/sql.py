"""Names and texts as SQL: every identifier and literal of this package passes through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from plumbline.warehouse import glob_free, quoted

if TYPE_CHECKING:
    import duckdb

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Column:
    """A column and its SQL type."""

    name: str
    type: str


def identifier(*parts: str) -> str:
    """Quote a name: `identifier("g", "order lines")` gives `"g"."order lines"`."""
    return ".".join(quoted(part) for part in parts)


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Quote one file's path for a reader that would expand `*`, `?` and `[`."""
    return literal(glob_free(path))


def names(columns: Iterable[Column]) -> str:
    """List column names for a SELECT."""
    return ", ".join(identifier(column.name) for column in columns)


def in_parallel(
    con: duckdb.DuckDBPyConnection,
    work: Callable[[duckdb.DuckDBPyConnection, Item], Result],
    items: Sequence[Item],
) -> list[Result]:
    """Do `work` on every item with a connection of its own, on as many threads as DuckDB may use."""

    def run(item: Item) -> Result:
        with con.cursor() as own:
            own.execute("SET timezone = 'UTC'")
            return work(own, item)

    row = con.execute("SELECT current_setting('threads')").fetchone()
    with ThreadPoolExecutor(int(row[0]) if row else 1) as pool:
        return list(pool.map(run, items))


def database_of(con: duckdb.DuckDBPyConnection) -> str:
    """Name the database that a connection works in."""
    row = con.execute("SELECT current_database()").fetchone()
    return str(row[0]) if row else ""


def tables_of(con: duckdb.DuckDBPyConnection, database: str, schema: str) -> dict[str, tuple[Column, ...]]:
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
