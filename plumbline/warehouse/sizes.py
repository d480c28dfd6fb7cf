"""How large the tables of a connection are, as DuckDB knows without reading their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.compiler.sizes import Members, Sizes, Table
from plumbline.warehouse.duck import glob_free
from plumbline.warehouse.tables import identifier, tables_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# From how many rows on a table is worth the question how large it is, for who asks once.
MANY = 1_000_000
# Of how many members one was counted, at most.
_GUESSED = 2
_TYPES = """
SELECT column_name, data_type FROM duckdb_columns()
WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index"""
_ROWS = """
SELECT estimated_size FROM duckdb_tables()
WHERE database_name = ? AND schema_name = ? AND table_name = ?"""
# What files tell of their columns: those without a list of members have many.
_IN_FILES = """
SELECT path_in_schema, max(stats_distinct_count), min(stats_min_value), max(stats_max_value)
FROM parquet_metadata(?) GROUP BY path_in_schema HAVING count(*) = count(stats_distinct_count)"""


@dataclass(frozen=True)
class Parts:
    """The Parquet files that a view reads, and how many rows they have."""

    files: Sequence[Path]
    rows: int


def name_of(con: DuckDBPyConnection, database: str, schema: str, rows: Mapping[str, int]) -> str:
    """Name data of about these rows, by table, and of the types that the tables of a schema have now."""
    tables = tables_of(con, database, schema)
    about = sorted((name, count.bit_length()) for name, count in rows.items())
    return sha256(repr((sorted(tables.items()), about)).encode()).hexdigest()


def sizes_of(con: DuckDBPyConnection, name: str, parts: Mapping[str, Parts] | None = None) -> Sizes:
    """Give the sizes of what a connection sees, each read when it is asked for; `name` names them.

    `parts` are the files of views over Parquet, by the name of the view.
    """

    def read(relation: str) -> Table | None:
        import duckdb

        # What cannot be read is not known: the question itself tells what is wrong.
        with suppress(duckdb.Error), con.cursor() as own:
            return _table(own, tuple(part.strip('"') for part in relation.split(".")), parts or {})
        return None

    return Sizes(name, read)


def _table(con: DuckDBPyConnection, names: tuple[str, ...], parts: Mapping[str, Parts]) -> Table | None:
    if len(names) != 3:
        return None
    types = dict(con.execute(_TYPES, list(names)).fetchall())
    behind = parts.get(names[-1])
    if behind:
        counts = dict(_in_files(con, behind))
        return Table(behind.rows, _columns(types, counts))
    rows = con.execute(_ROWS, list(names)).fetchone()
    return Table(int(rows[0]), _columns(types, _counted(con, names, list(types)))) if rows else None


def _columns(types: Mapping[str, str], counts: Mapping[str, int | None]) -> dict[str, Members]:
    return {name.lower(): Members(kind, counts.get(name)) for name, kind in types.items()}


def _counted(con: DuckDBPyConnection, names: tuple[str, ...], columns: list[str]) -> dict[str, int | None]:
    """Give about how many members columns have, as DuckDB counted some of them when they were written."""
    asked = ", ".join(f"stats({identifier(name)})" for name in columns)
    row = con.execute(f"SELECT {asked} FROM {identifier(*names)} LIMIT 1").fetchone() or ()
    told = dict(zip(columns, row, strict=False))
    return {name: _about(found) for name, found in told.items() if isinstance(found, dict)}


def _about(found: Mapping[str, Any]) -> int | None:
    """Give a number of members that is too high rather than too low; of days no more than there are."""
    members = found.get("approx_unique")
    first, last = found.get("min"), found.get("max")
    if members is None or type(first) is not date or type(last) is not date:
        return members
    return min(_GUESSED * int(members), (last - first).days + 1)


def _in_files(con: DuckDBPyConnection, parts: Parts) -> Iterator[tuple[str, int]]:
    """Give about how many members columns have: at least as many as in a file, and of days those between."""
    files = [glob_free(path) for path in parts.files]
    for name, members, first, last in con.execute(_IN_FILES, [files]).fetchall():
        days = _days(first, last)
        yield name, days or _GUESSED * int(members)


def _days(first: str | None, last: str | None) -> int | None:
    """Count the days from one to another; None where they are none."""
    try:
        return (date.fromisoformat(last or "") - date.fromisoformat(first or "")).days + 1
    except ValueError:
        return None
