"""Move the rows that differ: both sides digest their rows, and only what one lacks goes over the line."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from plumbline.errors import DeliveryError
from plumbline.publication.postgres.connection import Server
from plumbline.publication.postgres.tables import Table
from plumbline.publication.postgres.types import row_digest_in_duckdb, row_digest_in_postgres
from plumbline.publication.sql import names

if TYPE_CHECKING:
    import duckdb

_BATCH = 50_000
_MINE, _THEIRS = "temp.main.mine", "theirs"


@dataclass(frozen=True)
class Moved:
    """Rows of one table that were removed from PostgreSQL and brought there."""

    removed: int = 0
    added: int = 0


def move(con: duckdb.DuckDBPyConnection, server: Server, table: Table, *, is_empty: bool) -> Moved:
    """Make the rows of a table in PostgreSQL those of the generation.

    Raises DeliveryError unless it then has exactly these.
    """
    if is_empty:
        brought = _copy(con, server, table, f"SELECT {names(table.columns)} FROM ({table.source})")
        _verify(server, table, summary_here(con, table))
        return Moved(0, brought)
    # Readers go on; whoever else writes has to wait.
    server.run(f"LOCK TABLE {table.relation(server.settings)} IN SHARE ROW EXCLUSIVE MODE")
    digest = row_digest_in_duckdb(table.columns)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE mine AS "
        "SELECT *, row_number() OVER (PARTITION BY row_digest) AS copy_number "
        f"FROM (SELECT *, {digest} AS row_digest FROM ({table.source}))"
    )
    con.register(_THEIRS, _digests(server, table))
    try:
        moved = _move_differing(con, server, table)
        if moved.removed or moved.added:
            _verify(server, table, _summary(con, _MINE))
        return moved
    finally:
        con.unregister(_THEIRS)
        con.execute(f"DROP TABLE IF EXISTS {_MINE}")


def _move_differing(con: duckdb.DuckDBPyConnection, server: Server, table: Table) -> Moved:
    removed = _remove(con, server, table)
    fresh = (
        f"SELECT {names(table.columns)} FROM {_MINE} AS mine "
        f"WHERE NOT EXISTS (SELECT 1 FROM {_THEIRS} AS known "
        "WHERE known.row_digest = mine.row_digest AND known.copy_number = mine.copy_number)"
    )
    return Moved(removed, _copy(con, server, table, fresh))


def _verify(server: Server, table: Table, expected: tuple[int, int]) -> None:
    found = summary_there(server, table)
    if expected != found:
        raise DeliveryError(
            f"{table.name} in PostgreSQL is not that of the generation",
            where=server.settings.where,
            why=f"There are {found[0]:,} rows there and {expected[0]:,} here"
            + ("." if found[0] != expected[0] else ", and some differ."),
            todo="Nothing of it was committed. Look for triggers or rules there that change rows.",
            code="postgres-differs",
        )


def summary_here(con: duckdb.DuckDBPyConnection, table: Table) -> tuple[int, int]:
    """Count the rows of a table in the generation, and add up the beginnings of their digests."""
    digest = row_digest_in_duckdb(table.columns)
    return _summary(con, f"(SELECT {digest} AS row_digest FROM ({table.source}))")


def _summary(con: duckdb.DuckDBPyConnection, digested: str) -> tuple[int, int]:
    ((count, total),) = con.execute(
        f"SELECT count(*), coalesce(sum(CAST('0x' || left(row_digest, 15) AS BIGINT)), 0) FROM {digested}"
    ).fetchall()
    return int(count), int(total)


def summary_there(server: Server, table: Table) -> tuple[int, int]:
    """Give what `summary_here` gives, of the table in PostgreSQL."""
    ((count, total),) = server.rows(
        f"SELECT count(*), coalesce(sum(CAST(CAST('x' || left(row_digest, 15) AS bit(60)) AS bigint)), 0) "
        f"FROM (SELECT {row_digest_in_postgres(table.columns)} AS row_digest "
        f"FROM {table.relation(server.settings)}) AS digested"
    )
    return int(count), int(total)


def _digests(server: Server, table: Table) -> Any:
    """Fetch where each row lies, and its digest; equal rows are counted."""
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import csv

    stream = BytesIO()
    digest = row_digest_in_postgres(table.columns)
    server.copy(
        f"COPY (SELECT ctid, row_digest, row_number() OVER (PARTITION BY row_digest) FROM "
        f"(SELECT ctid, {digest} AS row_digest FROM {table.relation(server.settings)}) AS digested) "
        "TO STDOUT (FORMAT csv)",
        stream,
    )
    stream.seek(0)
    types = {"place": pa.string(), "row_digest": pa.string(), "copy_number": pa.int64()}
    if not stream.getbuffer().nbytes:
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    reading = csv.ReadOptions(column_names=list(types))
    return csv.read_csv(stream, reading, convert_options=csv.ConvertOptions(column_types=types))


def _remove(con: duckdb.DuckDBPyConnection, server: Server, table: Table) -> int:
    gone = con.execute(
        f"SELECT place FROM {_THEIRS} AS known WHERE NOT EXISTS (SELECT 1 FROM {_MINE} AS mine "
        "WHERE known.row_digest = mine.row_digest AND known.copy_number = mine.copy_number)"
    ).fetchall()
    places = [place for (place,) in gone]
    return sum(
        server.run(
            f"DELETE FROM {table.relation(server.settings)} WHERE ctid = ANY(CAST(%s AS tid[]))",
            [places[first : first + _BATCH]],
        )
        for first in range(0, len(places), _BATCH)
    )


def _copy(con: duckdb.DuckDBPyConnection, server: Server, table: Table, select: str) -> int:
    """Copy the rows of a query over DuckDB into a table of PostgreSQL."""
    from pyarrow import csv

    statement = f"COPY {table.relation(server.settings)} ({names(table.columns)}) FROM STDIN (FORMAT csv)"
    options = csv.WriteOptions(include_header=False)
    copied = 0
    for batch in con.sql(select).to_arrow_reader(_BATCH):
        stream = BytesIO()
        csv.write_csv(batch, stream, options)
        stream.seek(0)
        copied += server.copy(statement, stream)
    return copied
