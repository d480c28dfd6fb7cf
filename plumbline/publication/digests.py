"""Digests of values: the same rows give the same digest, whatever their order and the number of threads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.publication.sql import Column, identifier

if TYPE_CHECKING:
    import duckdb


def value_digest(con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[Column]) -> tuple[int, str]:
    """Count the rows of `relation` (SQL) and digest the given columns: (rows, sha256 in hex).

    The digest is the SHA-256 of lines joined by a newline: a JSON array of "name type" for the columns, then
    one JSON array per row with each value as DuckDB's text or null, sorted by bytes.
    """
    header = json.dumps([f"{c.name} {c.type}" for c in columns], ensure_ascii=False, separators=(",", ":"))
    texts = ", ".join(f"{identifier(column.name)}::VARCHAR" for column in columns)
    row = con.execute(
        "SELECT count(*), "
        "sha256(?::VARCHAR || coalesce(chr(10) || string_agg(line, chr(10) ORDER BY line), '')) "
        f"FROM (SELECT to_json([{texts}])::VARCHAR AS line FROM {relation})",
        [header],
    ).fetchone()
    assert row is not None
    return int(row[0]), str(row[1])


def text_digest(lines: Iterable[str]) -> str:
    """Digest texts in the given order."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Digest a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
