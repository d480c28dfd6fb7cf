"""Open what is published: one whole generation, whatever the pipeline writes meanwhile."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from plumbline.errors import LockedError, PlumblineError, StorageError
from plumbline.project import Home
from plumbline.publication import Publication, Shelf
from plumbline.publication.marts import view_sql
from plumbline.publication.sql import identifier, literal
from plumbline.serving.at_once import NoConnection
from plumbline.warehouse import connect

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PUBLISH_ANEW = "Restore it from a copy; or move it away and run again: the one before it becomes current."
_MOVE_AWAY = "Move it away and run again: it is rebuilt from what has landed."
_TRIES = 5


@dataclass(frozen=True)
class Source:
    """Where figures come from: `connection` holds database `warehouse`; `manifest` defines its metrics.

    `library` is the schema with the indicator library; `publication` is None for the private warehouse, and
    `as_of` is the last business day of the figures.
    """

    connection: DuckDBPyConnection
    manifest: Path
    library: str
    publication: Publication | None
    as_of: date | None = None
    others: list[Source] = field(default_factory=list)

    @property
    def is_at_hand(self) -> bool:
        """Whether only what is in memory may be read."""
        return isinstance(self.connection, NoConnection)

    def over(self, connection: DuckDBPyConnection) -> Source:
        """Give the same over another connection."""
        return Source(connection, self.manifest, self.library, self.publication, self.as_of)

    def beside(self, other: Source) -> Source:
        """Keep another source open as long as this one."""
        self.others.append(other)
        return other

    def close(self) -> None:
        """Let go of the database."""
        for other in self.others:
            other.close()
        self.connection.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_published(home: Home) -> DuckDBPyConnection:
    """Connect to the current generation, attached read-only as `warehouse` (schemas published, marts)."""
    return open_generation(home).connection


def open_generation(home: Home, *, sealed: bool = False) -> Source:
    """Open the current generation with its definitions; `sealed`: SQL cannot reach any other file.

    Raises StorageError when nothing is published yet, or when the generation is damaged.
    """
    shelf = Shelf(home.published.resolve())
    for _ in range(_TRIES):
        generation = shelf.current()
        if generation is None:
            raise _nothing_published(home)
        source = _open(shelf, generation, sealed)
        if source:
            return source
    raise StorageError(
        "the published generations change faster than they can be opened",
        where=str(shelf.root),
        todo="Ask again.",
        code="restless-generations",
    )


def open_publication(home: Home, publication_id: str) -> Source:
    """Open an earlier generation by the name of its publication; SQL cannot reach any other file.

    Raises StorageError when it has been removed.
    """
    shelf = Shelf(home.published.resolve())
    source = _open(shelf, int(publication_id.rpartition("-")[2]), sealed=True)
    if source is None:
        raise StorageError(
            f"the generation of publication {publication_id} is gone",
            where=str(shelf.root),
            todo="Its records are in `plumb audit log`. Where held figures are shown of it, mend what they "
            "rest on, and run again.",
            code="no-generation",
        )
    return source


def open_live(home: Home) -> Source:
    """Open the private warehouse with the definitions it was built by.

    Raises LockedError while a run is at work, StorageError when there is no warehouse yet.
    """
    import duckdb

    if not (home.warehouse.is_file() and home.semantic_manifest.is_file()):
        raise StorageError(
            "there is no warehouse yet",
            where=str(home.root),
            todo=f"Run `plumb run --company {home.root.name}` first.",
            code="no-warehouse",
        )
    connection = _connect()
    try:
        _attach(connection, home.warehouse, "warehouse")
    except duckdb.IOException as error:
        connection.close()
        raise _not_readable(home.warehouse, error, _MOVE_AWAY) from None
    return Source(connection, home.semantic_manifest, "candidates", None, _as_of(connection))


def _as_of(connection: DuckDBPyConnection) -> date | None:
    """Give the as-of date of the run that wrote the private warehouse, if it says one."""
    import duckdb

    with suppress(duckdb.CatalogException):
        row = connection.execute("SELECT as_of FROM warehouse.landing_run.context").fetchone()
        return row[0] if row else None
    return None


def _open(shelf: Shelf, generation: int, sealed: bool) -> Source | None:
    """Open one generation; None when it was removed before it could be opened."""
    import duckdb

    path = shelf.database(generation)
    connection = _connect()
    try:
        if sealed:
            connection.execute(f"SET allowed_directories = [{literal(str(shelf.root))}]")
        _attach(connection, path, "warehouse")
        publication = shelf.publication(generation)
        if publication is None:
            raise StorageError(
                "the facts of the published generation are missing",
                where=str(shelf.facts(generation)),
                todo="Run `plumb run --full`: it publishes a complete generation.",
                code="incomplete-generation",
            )
        if publication.parts and publication.directory != str(shelf.root):
            _follow_the_move(connection, shelf, publication)
        if sealed:
            connection.execute("SET enable_external_access = false")
    except duckdb.IOException as error:
        connection.close()
        if not path.exists():
            return None
        raise _not_readable(path, error, _PUBLISH_ANEW) from None
    except PlumblineError:
        connection.close()
        raise
    definitions = shelf.definition(publication.definitions_digest)
    return Source(connection, definitions, "published", publication, publication.as_of)


def _connect() -> DuckDBPyConnection:
    connection = connect()
    spill = Path(tempfile.gettempdir()) / "plumbline-spill"
    connection.execute(f"SET temp_directory = {literal(str(spill))}")
    return connection


def _attach(connection: DuckDBPyConnection, path: Path, name: str) -> None:
    connection.execute(f"ATTACH {literal(str(path))} AS {identifier(name)} (READ_ONLY)")
    connection.execute(f"USE {identifier(name)}")


def _follow_the_move(connection: DuckDBPyConnection, shelf: Shelf, publication: Publication) -> None:
    """Read a generation that was moved: views over its tables, and over its parts where they are now."""
    connection.execute("USE memory; DETACH warehouse; ATTACH ':memory:' AS warehouse")
    _attach(connection, publication.path, "generation")
    connection.execute("USE warehouse; CREATE SCHEMA published; CREATE SCHEMA marts")
    files: dict[str, list[str]] = {}
    for part in publication.parts:
        files.setdefault(part.mart, []).append(part.file)
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'generation'"
    ).fetchall()
    for schema, table in tables:
        connection.execute(
            f"CREATE VIEW {identifier('warehouse', schema, table)} AS "
            f"FROM {identifier('generation', schema, table)}"
        )
    for mart, names in files.items():
        connection.execute(view_sql(shelf, "warehouse", mart, names))


def _nothing_published(home: Home) -> StorageError:
    return StorageError(
        "nothing is published yet",
        where=str(home.published),
        todo=f"Run `plumb run --company {home.root.name}` first.",
        code="nothing-published",
    )


def _not_readable(path: Path, error: Exception, todo: str) -> PlumblineError:
    if "lock" in str(error).lower():
        return LockedError(
            "a run is at work on the warehouse",
            where=str(path),
            todo="Wait until it ends, or ask without --live: what is published can always be read.",
        )
    refused = "permission denied" in str(error).lower()
    return StorageError(
        "this database cannot be read",
        where=str(path),
        why=str(error).splitlines()[0],
        todo="Let this user read the file." if refused else todo,
        code="unreadable-database",
    )
