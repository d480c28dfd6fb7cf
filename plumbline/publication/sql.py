"""Names and texts as SQL: every identifier and literal of this package passes through here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from plumbline.warehouse import glob_free
from plumbline.warehouse.tables import Column, columns_of, database_of, identifier, names, tables_of

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "Column",
    "columns_of",
    "database_of",
    "file_literal",
    "identifier",
    "in_parallel",
    "literal",
    "names",
    "tables_of",
]

Item = TypeVar("Item")
Result = TypeVar("Result")


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Quote one file's path for a reader that would expand `*`, `?` and `[`."""
    return literal(glob_free(path))


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
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(int(row[0]) if row else 1) as pool:
        return list(pool.map(run, items))
