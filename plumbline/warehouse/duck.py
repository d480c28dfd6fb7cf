"""DuckDB: connections with fixed settings, and errors that say what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.errors import LockedError, StorageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_GLOB = re.compile(r"([*?\[])")


def connect(path: Path | None = None, *, read_only: bool = False) -> DuckDBPyConnection:
    """Open a DuckDB file (or one in memory) in UTC.

    Raises LockedError when another process holds it, StorageError when it is damaged or the disk is full.
    """
    import duckdb

    if path is not None and not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(path) if path else ":memory:", read_only=read_only)
    except duckdb.Error as error:
        raise _explained(error, path) from error
    connection.execute("set timezone = 'UTC'")
    return connection


def _explained(error: Exception, path: Path | None) -> LockedError | StorageError:
    if "conflicting lock" in str(error).lower():
        return LockedError(
            "another process holds this database",
            where=str(path),
            todo="Wait for it, or end it, and run again.",
        )
    return StorageError(
        "cannot open this database",
        where=str(path),
        why=str(error).splitlines()[0],
        todo="When the file is damaged, move it away and run again: it is rebuilt from what has landed.",
        code="unreadable-database",
    )


def glob_free(path: Path | str) -> str:
    """Give a path as DuckDB's readers must see it: glob characters stand for themselves."""
    return _GLOB.sub(r"[\1]", str(path))


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'
