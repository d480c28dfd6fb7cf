"""Digests of values: the same rows give the same digest, whatever their order and the number of threads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.publication.sql import Column, identifier
from plumbline.warehouse.texts import text_data

if TYPE_CHECKING:
    import duckdb


def value_digest(con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[Column]) -> tuple[int, str]:
    """Count the rows of `relation` (SQL) and digest the given columns: (rows, sha256 in hex).

    The digest is the SHA-256 of lines joined by a newline: a JSON array of "name type" for the columns, then
    one JSON array per row with each value as DuckDB's text or null, sorted by bytes.
    """
    header = json.dumps([f"{c.name} {c.type}" for c in columns], ensure_ascii=False, separators=(",", ":"))
    texts = ", ".join(f"{identifier(column.name)}::VARCHAR" for column in columns)
    digest, count = hashlib.sha256(header.encode()), 0
    con.complete()  # what somebody read the first row of would be in the way
    lines = con.sql(
        f"SELECT chr(10) || line AS line FROM (SELECT to_json([{texts}])::VARCHAR AS line FROM {relation})"
        " ORDER BY line"
    )
    # Python's SHA-256 uses the processor's own, DuckDB's does not.
    for batch in lines.to_arrow_reader():
        digest.update(text_data(batch.column(0)))
        count += batch.num_rows
    return count, digest.hexdigest()


def text_digest(lines: Iterable[str]) -> str:
    """Digest texts in the given order."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Digest a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
