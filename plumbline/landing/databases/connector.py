"""Land the tables of a database: snapshots whole, incremental tables from their last cursor value on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from plumbline.errors import PlumblineError, SourceUnavailable, did_you_mean
from plumbline.landing.databases.reading import Selection, open_reader
from plumbline.landing.extract import Extract
from plumbline.landing.increments import Landed
from plumbline.landing.libraries import load_libraries
from plumbline.landing.manifests import Cursor
from plumbline.landing.outcomes import UNCHANGED, ExtractOutcome, Refused
from plumbline.landing.session import Session
from plumbline.landing.sources import TableSource
from plumbline.landing.storing import held_to, store

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
        state = self._state(table)
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
        self._session.cache.remember(table.name, state)
        yield outcome

    def _state(self, table: TableSource) -> str | None:
        """Sign what a load is made of: the data, what the sources file asks for, and the contract."""
        if not self._signature:
            return None
        asked = hashlib.sha256(f"{table}|{self._session.contract[table.name]}".encode()).hexdigest()
        return f"{self._signature}|{asked}"

    def _begin(self) -> None:
        if not self._begun:
            load_libraries()
            self._reader.begin()
            self._begun = True

    def _table(self, table: TableSource) -> ExtractOutcome:
        name = table.origin[0]
        columns = self._reader.columns(name)
        if columns is None:
            raise SourceUnavailable(
                "the database has no such table",
                where=name,
                todo=did_you_mean(name, self._reader.tables()) or f"See `from` in {table.where}.",
                code="no-such-table",
            )
        if table.load == "incremental":
            return self._incremental(table, columns)
        expected, _ = self._reader.measure(name, Selection())
        extract = Extract(name, columns, self._reader.read(name, columns, Selection()))
        return store(self._session, table, extract, expected_rows=expected)

    def _incremental(self, table: TableSource, columns: list[str]) -> ExtractOutcome:
        name, cursor = table.origin[0], str(table.cursor)
        if cursor not in columns:
            raise Refused(
                f"the table has no column {cursor!r}, its cursor",
                file=name,
                todo=did_you_mean(cursor, columns),
            )
        landed = Landed.of(self._session.current(table.name), cursor)
        selection = Selection(cursor, landed.last)
        expected, end = self._reader.measure(name, selection)
        batches = held_to(expected, name, self._reader.read(name, columns, selection))
        extract = Extract(name, columns, landed.new_rows(batches, columns, _at(landed.last)))
        covered = Cursor(cursor, landed.last, end or landed.last)
        return store(self._session, table, extract, cursor=lambda: covered)

    def close(self) -> None:
        self._reader.close()


def _at(last: str | None) -> Callable[[pa.Array], pa.BooleanArray]:
    """Tell the rows at the last cursor value, and those without one, from the rows after it."""

    def is_earlier(values: pa.Array) -> pa.BooleanArray:
        import pyarrow.compute as pc  # type: ignore[import-untyped]

        return pc.fill_null(pc.equal(values, last), True)

    return is_earlier
