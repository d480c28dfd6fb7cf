"""DuckDB: connections with fixed settings, and errors that say what to do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.errors import LockedError, StorageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_GLOB = re.compile(r"([*?\[])")
# DuckDB has no kind of error of its own for a file that is not what it wrote.
_DAMAGE = (
    "not a valid duckdb database file",
    "corrupt database file",
    "replaying wal file",
    "could not read enough bytes",
)


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


def is_damaged(error: BaseException | str) -> bool:
    """Recognise, by the words of DuckDB, a database file that is cut off or not what was written."""
    text = str(error).lower()
    return any(words in text for words in _DAMAGE)


def set_aside(path: Path) -> Path:
    """Move a damaged database out of the way, with its log; one that was moved before gives way."""
    aside = path.with_name(f"{path.name}.damaged")
    for end in ("", ".wal"):
        file, place = Path(f"{path}{end}"), Path(f"{aside}{end}")
        place.unlink(missing_ok=True)
        if file.exists():
            os.replace(file, place)
    return aside


def glob_free(path: Path | str) -> str:
    """Give a path as DuckDB's readers must see it: glob characters stand for themselves."""
    return _GLOB.sub(r"[\1]", str(path))


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'
