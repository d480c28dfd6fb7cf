"""What every database reader can do, whichever driver is below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Selection:
    """Which rows of a table: all; those at a cursor value or without one; or those after it."""

    cursor: str | None = None
    at: str | None = None
    after: str | None = None


class DatabaseReader(Protocol):
    """Reads one database, in one read-only transaction; values come as texts (see canonical.py).

    Every method raises SourceUnavailable when the database does not answer, and Refused when it is damaged.
    """

    def begin(self) -> None:
        """Start a transaction that sees one state of the database, and end the one before."""
        ...

    def columns(self, table: str) -> list[str] | None:
        """Name the columns of a table or view, or None when there is no such table."""
        ...

    def count(self, table: str, selection: Selection) -> int:
        """Count rows, as the database itself does."""
        ...

    def greatest(self, table: str, cursor: str) -> str | None:
        """Give the greatest cursor value as text; None in an empty table."""
        ...

    def read(self, table: str, columns: list[str], selection: Selection) -> Iterator[pa.RecordBatch]:
        """Stream rows as text columns of the given names."""
        ...

    def signature(self) -> str | None:
        """Give a text that changes whenever the data may have changed; None when the database has none."""
        ...

    def close(self) -> None: ...


def open_reader(url: str) -> DatabaseReader:
    """Choose the reader for a SQLAlchemy URL: Arrow for SQLite files and PostgreSQL, SQLAlchemy for the rest."""
    from pathlib import Path

    from sqlalchemy.engine import make_url

    address = make_url(url)
    backend = address.get_backend_name()
    if backend == "sqlite" and address.database and address.database != ":memory:":
        from plumbline.landing.databases.sqlite import SQLiteReader

        return SQLiteReader(Path(address.database))
    if backend == "postgresql":
        from plumbline.landing.databases.postgres import PostgresReader

        return PostgresReader(address)
    from plumbline.landing.databases.generic import SQLAlchemyReader

    return SQLAlchemyReader(address)
