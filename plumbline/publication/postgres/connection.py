"""A connection to the PostgreSQL that is published into; its errors say what to do and show no secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from plumbline.errors import DeliveryError, LockedError
from plumbline.publication.postgres.settings import PostgresSettings

if TYPE_CHECKING:
    from typing import BinaryIO

OLDEST = 150000
# How the codes of lost connections begin, and of a server that shuts down.
_LOST = ("08", "57P")
_SESSION = (
    "SET timezone = 'UTC'",
    "SET datestyle = 'ISO, YMD'",
    "SET client_encoding = 'UTF8'",
    "SET standard_conforming_strings = on",
    "SET search_path = pg_catalog",
    "SET row_security = on",
)


class Server:
    """A session of PostgreSQL in one transaction."""

    def __init__(self, raw: Any, settings: PostgresSettings) -> None:
        self._raw = raw
        self._cursor = raw.cursor()
        self.settings = settings
        self.version: int = raw.server_version

    def run(self, statement: str, values: Sequence[object] | None = None) -> int:
        """Run a statement; gives the number of rows it touched."""
        self._cursor.execute(statement, values)
        return int(self._cursor.rowcount)

    def run_all(self, statements: Iterable[str]) -> None:
        """Run statements that take no values, in one round trip."""
        if text := ";\n".join(statements):
            self._cursor.execute(text)

    def rows(self, statement: str, values: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Run a query and give its rows."""
        self._cursor.execute(statement, values)
        return list(self._cursor.fetchall())

    def copy(self, statement: str, stream: BinaryIO) -> int:
        """Copy from or to a stream; gives the number of rows."""
        self._cursor.copy_expert(statement, stream, size=1 << 18)
        return int(self._cursor.rowcount)

    def tries(self, statement: str) -> bool:
        """Run a statement unless something that is not ours depends on what it removes."""
        from psycopg2 import errors  # type: ignore[import-untyped]

        self.run("SAVEPOINT attempt")
        try:
            self.run(statement)
        except errors.DependentObjectsStillExist:
            self.run("ROLLBACK TO SAVEPOINT attempt")
            return False
        self.run("RELEASE SAVEPOINT attempt")
        return True

    def commit(self) -> None:
        self._raw.commit()


@contextmanager
def connected(settings: PostgresSettings, *, read_only: bool = False) -> Iterator[Server]:
    """Connect, and take what has not been committed back at the end.

    Raises DeliveryError, in whose text no secret stands, for whatever the server or the network complains of,
    LockedError when others hold what is waited for.
    """
    import psycopg2

    raw = None
    try:
        raw = psycopg2.connect(settings.url, connect_timeout=15, application_name="plumbline", **_KEEPALIVE)
        server = Server(raw, settings)
        _require_version(server)
        server.run_all([*_SESSION, f"SET lock_timeout = '{settings.wait_seconds}s'"])
        raw.commit()
        raw.set_session(isolation_level="REPEATABLE READ" if read_only else None, readonly=read_only)
        yield server
    except (psycopg2.Error, psycopg2.Warning) as error:
        raise _explained(error, settings) from None
    finally:
        if raw is not None:
            raw.close()


_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


def _require_version(server: Server) -> None:
    if server.version < OLDEST:
        raise DeliveryError(
            f"PostgreSQL {server.version // 10000} is too old",
            where=server.settings.where,
            why="Views that show each reader only their own rows came with PostgreSQL 15.",
            todo="Name a server of version 15 or newer.",
            code="postgres-too-old",
        )


def _explained(error: Exception, settings: PostgresSettings) -> DeliveryError | LockedError:
    from psycopg2 import errors

    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    why = settings.secrets.redact(" ".join(lines[:3]))
    if isinstance(error, errors.LockNotAvailable | errors.DeadlockDetected):
        return LockedError(
            "others hold tables or the publication lock in PostgreSQL",
            where=settings.where,
            why=why,
            todo="The generation before stays there; the next run, or `plumb push`, brings this one.",
            code="postgres-locked",
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return DeliveryError(
            "PostgreSQL does not let this user publish",
            where=settings.where,
            why=why,
            todo="docs/guides/publish-to-postgresql.md lists the rights that the user needs.",
            code="postgres-refused",
        )
    is_lost = (getattr(error, "pgcode", None) or _LOST[0]).startswith(_LOST)
    return DeliveryError(
        "PostgreSQL cannot be reached, or the connection broke" if is_lost else "PostgreSQL refused",
        where=settings.where,
        why=why,
        todo="The generation before stays there, whole; the next run, or `plumb push`, brings this one.",
        code="postgres-unavailable" if is_lost else "postgres-refused",
    )
