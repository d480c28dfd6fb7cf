"""Land the tables of a database: snapshots whole, incremental tables from their last cursor value on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.errors import PlumblineError, did_you_mean
from plumbline.landing.databases.boundary import rows_not_landed
from plumbline.landing.databases.reading import Selection, open_reader
from plumbline.landing.extract import Extract
from plumbline.landing.manifests import Cursor, Manifest
from plumbline.landing.outcomes import MISSING, UNCHANGED, ExtractOutcome, Refused
from plumbline.landing.session import Session
from plumbline.landing.sources import TableSource
from plumbline.landing.storing import store

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


class DatabaseConnector:
    """Reads one database; all tables are seen as they were at one moment."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reader = open_reader(session.secrets.fill(session.system.location, session.system.where))
        self._signature = self._reader.signature()
        self._begun = False

    def extracts(self, table: TableSource) -> Iterator[ExtractOutcome]:
        """Land what is new of one table."""
        state = f"{self._signature}|{table}" if self._signature else None
        if state and self._session.cache.signature(table.name) == state and self._session.current(table.name):
            yield ExtractOutcome(UNCHANGED, table.origin[0], notes=("the database has not changed",))
            return
        self._session.cache.remember(table.name, None)
        try:
            self._begin()
            outcome = self._table(table)
        except PlumblineError:
            self._begun = False
            raise
        if outcome.status != MISSING:
            self._session.cache.remember(table.name, state)
        yield outcome

    def _begin(self) -> None:
        if not self._begun:
            self._reader.begin()
            self._begun = True

    def _table(self, table: TableSource) -> ExtractOutcome:
        name = table.origin[0]
        columns = self._reader.columns(name)
        if columns is None:
            return ExtractOutcome(MISSING, name, reason="the database has no such table.")
        if table.load == "incremental":
            return self._incremental(table, columns)
        expected = self._reader.count(name, Selection())
        extract = Extract(name, columns, self._reader.read(name, columns, Selection()))
        return store(self._session, table, extract, expected_rows=[expected])

    def _incremental(self, table: TableSource, columns: list[str]) -> ExtractOutcome:
        name, cursor = table.origin[0], str(table.cursor)
        if cursor not in columns:
            raise Refused(
                f"the table has no column {cursor!r}, its cursor",
                file=name,
                todo=did_you_mean(cursor, columns),
            )
        loads = [load for load in self._session.current(table.name) if _has_cursor(load, cursor)]
        last = next((load.cursor.end for load in reversed(loads) if load.cursor), None)
        newer = last is None or self._reader.count(name, Selection(cursor, after=last)) > 0
        end = self._reader.greatest(name, cursor) if newer else last
        counted = _Count(0)
        extract = Extract(name, columns, self._new_rows(table, columns, loads, last, counted))
        covered = Cursor(cursor, last, end)
        return store(self._session, table, extract, cursor=lambda: covered, expected_rows=counted)

    def _new_rows(
        self, table: TableSource, columns: list[str], loads: list[Manifest], last: str | None, counted: _Count
    ) -> Iterator[pa.RecordBatch]:
        """Read what came after the last cursor value, and at it whatever has not landed yet."""
        name, cursor = table.origin[0], str(table.cursor)
        if last is None:
            yield from self._counted(name, columns, Selection(), counted)
            return
        boundary = list(self._counted(name, columns, Selection(cursor, at=last), _Count(0)))
        for batch in rows_not_landed(boundary, columns, loads, cursor, last):
            counted.rows += batch.num_rows
            yield batch
        yield from self._counted(name, columns, Selection(cursor, after=last), counted)

    def _counted(
        self, name: str, columns: list[str], selection: Selection, counted: _Count
    ) -> Iterator[pa.RecordBatch]:
        """Read a selection, and hold the rows that arrive to the database's own count."""
        expected = self._reader.count(name, selection)
        counted.rows += expected
        yield from self._reader.read(name, columns, selection)

    def close(self) -> None:
        self._reader.close()


@dataclass
class _Count:
    """Rows that the database counted; known when the last row has been read."""

    rows: int

    def __iter__(self) -> Iterator[int]:
        yield self.rows


def _has_cursor(load: Manifest, cursor: str) -> bool:
    return load.mode == "incremental" and load.cursor is not None and load.cursor.column == cursor
