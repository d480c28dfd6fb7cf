"""What every database reader can do, whichever driver is below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from plumbline.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


@dataclass(frozen=True)
class Selection:
    """Which rows of a table: all, or those since a cursor value (included) and those without one."""

    cursor: str | None = None
    since: str | None = None


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

    def tables(self) -> list[str]:
        """Name the tables and views that there are."""
        ...

    def measure(self, table: str, selection: Selection) -> tuple[int, str | None]:
        """Count rows, as the database itself does, and give the greatest cursor value among them as text."""
        ...

    def read(self, table: str, columns: list[str], selection: Selection) -> Iterator[pa.RecordBatch]:
        """Stream rows as text columns of the given names."""
        ...

    def signature(self) -> str | None:
        """Give a text that changes whenever the data may have changed; None when the database has none."""
        ...

    def close(self) -> None: ...


def open_reader(url: str) -> DatabaseReader:
    """Choose the reader of an address: Arrow for SQLite files and PostgreSQL, SQLAlchemy for the rest."""
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and path and "?" not in path:
        from plumbline.landing.databases.sqlite import SQLiteReader

        return SQLiteReader(Path(path))
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "this is no database address",
            todo="Write it as postgresql://user:password@host/database, in the environment.",
            code="bad-url",
        ) from error
    if address.get_backend_name() == "postgresql":
        from plumbline.landing.databases.postgres import PostgresReader

        return PostgresReader(address)
    from plumbline.landing.databases.generic import SQLAlchemyReader

    return SQLAlchemyReader(address)
