"""Marts travel with a generation: small ones as tables inside it, big ones as shared Parquet parts.

A part holds one month of the mart's first DATE column and is named after its content, so a new day rewrites
only the months that it touches (docs/decisions/0001-marts-in-a-generation.md has the measurements).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.publication.digests import file_digest, text_digest
from plumbline.publication.facts import MartPart, TableFacts
from plumbline.publication.shelf import Shelf
from plumbline.publication.sql import Column, file_literal, identifier, in_parallel, literal, names
from plumbline.replacing import settle, temporary
from plumbline.warehouse.contents import (
    UNDATED,
    Contents,
    MartContent,
    Part,
    condition,
    inspect_contents,
)

if TYPE_CHECKING:
    import duckdb

LARGE_MART_ROWS = 250_000


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
    con: duckdb.DuckDBPyConnection,
    database: str,
    large_rows: int = LARGE_MART_ROWS,
    contents: Contents | None = None,
) -> list[Mart]:
    """Describe every mart of the warehouse and the content of its slices.

    `contents` are the digests of the marts as they are now, where they have been taken already.
    """
    found = inspect_contents(con, database=database) if contents is None else contents
    return [_described(database, content, large_rows) for content in found.values()]


def write_parts(
    con: duckdb.DuckDBPyConnection, shelf: Shelf, mart: Mart, known: Mapping[str, MartPart]
) -> list[MartPart]:
    """Write the parts of a big mart that are not on the shelf yet; `known` parts are recognised by file."""
    directory = shelf.marts / mart.name
    directory.mkdir(parents=True, exist_ok=True)

    def write(own: duckdb.DuckDBPyConnection, part: Slice) -> MartPart:
        return _write_part(own, shelf, directory, mart, part, known)

    return in_parallel(con, write, mart.slices)


def _path(directory: Path, part: Slice) -> Path:
    return directory / f"{part.part}-{part.digest[:16]}.parquet"


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


def _described(database: str, content: MartContent, large_rows: int) -> Mart:
    relation = identifier(database, "marts", content.name)
    whole = content.whole
    is_large = whole.rows > large_rows
    if is_large and content.day:
        slices = tuple(_slices_by_month(content))
    else:
        slices = (Slice("all", "true", whole.rows, _content_digest(content.columns, whole)),)
    return Mart(content.name, relation, content.columns, slices, is_large)


def _slices_by_month(content: MartContent) -> Iterator[Slice]:
    """Give a slice per month, and one for the rows without a date or with one that never comes."""
    months = [part for part in content.by[content.day] if part.name[0].isdigit()]
    for part in months:
        yield Slice(
            part.name, condition(content.day, part.name), part.rows, _content_digest(content.columns, part)
        )
    others = [part for part in content.by[content.day] if part not in months]
    if others:
        rows, total = sum(part.rows for part in others), sum(part.total for part in others)
        day = identifier(content.day)
        digest = _content_digest(content.columns, Part(UNDATED, rows, total, {}))
        yield Slice(UNDATED, f"{day} IS NULL OR NOT isfinite({day})", rows, digest)


def _content_digest(columns: Sequence[Column], part: Part) -> str:
    """Digest a slice: its schema, its rows and their hash, which only the same DuckDB computes alike."""
    import duckdb

    described = [f"{column.name} {column.type}" for column in columns]
    lines = [duckdb.__version__, *described, str(part.rows), str(part.total)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _write_part(
    con: duckdb.DuckDBPyConnection,
    shelf: Shelf,
    directory: Path,
    mart: Mart,
    part: Slice,
    known: Mapping[str, MartPart],
) -> MartPart:
    path = _path(directory, part)
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
