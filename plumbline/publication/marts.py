"""Marts travel with a generation: small ones as tables inside it, big ones as shared Parquet parts.

A part holds one month of the mart's first DATE column and is named after its content, so a new day rewrites
only the months that it touches (docs/decisions/0001-marts-in-a-generation.md has the measurements).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.publication.digests import file_digest, row_hash, text_digest
from plumbline.publication.facts import MartPart, TableFacts
from plumbline.publication.shelf import Shelf, settle, temporary
from plumbline.publication.sql import Column, file_literal, identifier, in_parallel, literal, names, tables_of

if TYPE_CHECKING:
    import duckdb

LARGE_MART_ROWS = 500_000


@dataclass(frozen=True)
class Slice:
    """Rows of a mart that change together: `condition` selects them, `digest` names their content."""

    part: str
    condition: str
    rows: int
    digest: str


@dataclass(frozen=True)
class Mart:
    """One mart as it stands in the warehouse: a big one has a slice per month, a small one a single slice."""

    name: str
    relation: str
    columns: tuple[Column, ...]
    slices: tuple[Slice, ...]
    is_large: bool

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.slices)

    @property
    def facts(self) -> TableFacts:
        lines = (f"{part.part} {part.rows} {part.digest}" for part in self.slices)
        return TableFacts("marts", self.name, self.rows, text_digest(lines))


def inspect_marts(
    con: duckdb.DuckDBPyConnection, database: str, large_rows: int = LARGE_MART_ROWS
) -> list[Mart]:
    """Describe every mart of the warehouse and the content of its slices; reads every row once."""
    return [
        _inspect(con, database, name, columns, large_rows)
        for name, columns in sorted(tables_of(con, database, "marts").items())
    ]


def write_parts(
    con: duckdb.DuckDBPyConnection, shelf: Shelf, mart: Mart, known: Mapping[str, MartPart]
) -> list[MartPart]:
    """Write the parts of a big mart that are not on the shelf yet; `known` parts are recognised by file."""
    directory = shelf.marts / mart.name
    directory.mkdir(parents=True, exist_ok=True)

    def write(own: duckdb.DuckDBPyConnection, part: Slice) -> MartPart:
        return _write_part(own, shelf, directory, mart, part, known)

    return in_parallel(con, write, mart.slices)


def table_sql(mart: Mart, target: str) -> str:
    """Give SQL that copies a small mart into the generation `target`."""
    return (
        f"CREATE TABLE {identifier(target, 'marts', mart.name)} AS "
        f"SELECT {names(mart.columns)} FROM {mart.relation}"
    )


def view_sql(shelf: Shelf, database: str, mart: str, files: Sequence[str]) -> str:
    """Give SQL for a view over a big mart's parts, which any DuckDB client can read without a setting."""
    listed = ", ".join(file_literal(shelf.root / file) for file in files)
    return f"CREATE VIEW {identifier(database, 'marts', mart)} AS SELECT * FROM read_parquet([{listed}])"


def _inspect(
    con: duckdb.DuckDBPyConnection, database: str, name: str, columns: tuple[Column, ...], large_rows: int
) -> Mart:
    relation = identifier(database, "marts", name)
    row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    is_large = row is not None and row[0] > large_rows
    day = next((column.name for column in columns if column.type == "DATE"), None) if is_large else None
    slices = _slices_by_month(con, relation, columns, day) if day else _whole(con, relation, columns)
    return Mart(name, relation, columns, tuple(slices), is_large)


def _whole(con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[Column]) -> list[Slice]:
    row = con.execute(f"SELECT count(*), {row_hash(columns)} FROM {relation}").fetchone()
    assert row is not None
    return [Slice("all", "true", row[0], _content_digest(columns, row))]


def _slices_by_month(
    con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[Column], day: str
) -> list[Slice]:
    column = identifier(day)
    rows = con.execute(
        f"SELECT year({column}) * 12 + month({column}) - 1 AS month_number, count(*), {row_hash(columns)} "
        f"FROM {relation} GROUP BY month_number ORDER BY month_number NULLS LAST"
    ).fetchall()
    return [
        Slice(*_month(column, number), count, _content_digest(columns, (count, total)))
        for number, count, total in rows
    ]


def _month(column: str, number: int | None) -> tuple[str, str]:
    if number is None:
        return "undated", f"{column} IS NULL OR NOT isfinite({column})"
    first, after = (f"{index // 12:04d}-{index % 12 + 1:02d}" for index in (number, number + 1))
    return first, f"{column} >= DATE '{first}-01' AND {column} < DATE '{after}-01'"


def _content_digest(columns: Sequence[Column], content: Sequence[object]) -> str:
    """Digest a slice: its schema, its rows and their hash, which only the same DuckDB computes alike."""
    import duckdb

    lines = [duckdb.__version__, *(f"{column.name} {column.type}" for column in columns), *map(str, content)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _write_part(
    con: duckdb.DuckDBPyConnection,
    shelf: Shelf,
    directory: Path,
    mart: Mart,
    part: Slice,
    known: Mapping[str, MartPart],
) -> MartPart:
    path = directory / f"{part.part}-{part.digest[:16]}.parquet"
    name = path.relative_to(shelf.root).as_posix()
    there = known.get(name)
    if there and path.is_file() and path.stat().st_size == there.bytes:
        return there
    if there or not path.is_file():
        written = temporary(path)
        con.execute(
            f"COPY (SELECT {names(mart.columns)} FROM {mart.relation} WHERE {part.condition}) "
            f"TO {literal(str(written))} (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION lz4_raw)"
        )
        settle(written, path)
    return MartPart(
        mart.name, part.part, name, part.rows, os.path.getsize(path), part.digest, file_digest(path)
    )
