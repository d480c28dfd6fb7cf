"""Dagster's event log in one SQLite file, with connections kept open and without a disk flush per event.

Dagster's own keeps a file per run, writes what concerns assets twice, and opens and closes a connection for
each of the thousand events of a run, which takes longer than the run's real work. One company has one run at
a time, so one file does; that outputs came out, which only a retry asks for, is written once per step. The
log is for people to look at: with WAL and synchronous=NORMAL a power cut may lose its last events, never
damage it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from threading import local
from typing import Any

from dagster import AssetKey, DagsterEventType, EventLogEntry, EventLogRecord, deserialize_value
from dagster._core.storage.event_log.base import EventLogConnection
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log import (
    ConsolidatedSqliteEventLogStorage,
)
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

_OF_TABLES = {
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}


class OneFileEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """The event log of `dagster.yaml`: module orchestration.storage, class OneFileEventLogStorage."""

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(
            self._conn_string,
            poolclass=QueuePool,
            connect_args={"timeout": 30, "check_same_thread": False},
        )
        event.listen(engine, "connect", _relax_durability)
        return engine

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        if shared := getattr(self._batch, "connection", None):
            yield shared
            return
        with self._engine.begin() as connection:
            yield connection

    @cached_property
    def _batch(self) -> local:
        return local()

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; that outputs came out, when whatever a step tells of its tables has been told."""
        if event.dagster_event_type == DagsterEventType.STEP_OUTPUT:
            self._outputs.append(self._event_to_row(event))
            return
        if event.dagster_event_type not in _OF_TABLES:
            self._store_outputs()
        super().store_event(event)

    def _store_outputs(self) -> None:
        """Store in one go, before the step is said to have succeeded, what a retry of the run asks for."""
        rows = [self._outputs.popleft() for _ in range(len(self._outputs))]
        if rows:
            with self._connect() as connection:
                connection.execute(SqlEventLogStorageTable.insert(), rows)

    @cached_property
    def _outputs(self) -> deque[dict[str, Any]]:
        return deque()

    def get_records_for_run(self, *args: Any, **kwargs: Any) -> EventLogConnection:
        self._store_outputs()
        return super().get_records_for_run(*args, **kwargs)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one transaction."""
        with self._engine.begin() as connection:
            self._batch.connection = connection
            try:
                super().store_event_batch(events)
            finally:
                del self._batch.connection

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        """Change the row of an asset that is known; Dagster's own first fails to insert another."""
        key = event.dagster_event.asset_key if event.dagster_event else None
        values = self._get_asset_entry_values(event, event_id, True) if key else {}
        if not key or not values:
            return
        name = key.to_string()
        known = AssetKeyTable.update().values(**values).where(AssetKeyTable.c.asset_key == name)
        if not conn.execute(known).rowcount:
            conn.execute(AssetKeyTable.insert().values(asset_key=name, **values))

    def _get_latest_materialization_records(
        self, raw_asset_rows: Sequence[Mapping[str, Any]]
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        """Take what stands in the rows; Dagster's own asks for older forms of them even where it has all."""
        found = {row["asset_key"]: _materialization(row) for row in raw_asset_rows}
        others = [row for row in raw_asset_rows if found[row["asset_key"]] is None]
        known = {AssetKey.from_db_string(key): record for key, record in found.items() if record}
        return {**known, **(super()._get_latest_materialization_records(others) if others else {})}

    @cached_property
    def _tables(self) -> frozenset[str]:
        with self._engine.connect() as connection:
            return frozenset(self._engine.dialect.get_table_names(connection))

    def has_table(self, table_name: str) -> bool:
        return table_name in self._tables

    @cached_property
    def _asset_columns(self) -> frozenset[str]:
        with self._engine.connect() as connection:
            columns = self._engine.dialect.get_columns(connection, "asset_keys")
        return frozenset(column["name"] for column in columns)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        return column_name in self._asset_columns

    @cached_property
    def _watcher(self) -> SqlPollingEventWatcher:
        # What WAL takes does not touch the file that Dagster's own watcher looks at.
        return SqlPollingEventWatcher(self)

    def watch(self, run_id: str, cursor: str | None, callback: Callable[..., Any]) -> None:
        self._watcher.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: Callable[..., Any]) -> None:
        self._watcher.unwatch_run(run_id, handler)

    def dispose(self) -> None:
        if "_watcher" in self.__dict__:
            self._watcher.close()
        self._store_outputs()
        self._engine.dispose()


def _materialization(row: Mapping[str, Any]) -> EventLogRecord | None:
    """Read the last materialization of an asset from its row, unless it is of an old form or was wiped."""
    if row["asset_details"] or not row["last_materialization"]:
        return None
    record = deserialize_value(row["last_materialization"])
    return record if isinstance(record, EventLogRecord) else None


def _relax_durability(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=NORMAL").close()
