"""Dagster's event log in SQLite, with connections kept open and without a disk flush per event.

Dagster's own class opens, commits and closes a connection for each of the thousand events of a run, which
takes longer than the run's real work. The log is for people to look at: with WAL and synchronous=NORMAL a
power cut may lose its last events, never damage it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log of `dagster.yaml`: module orchestration.storage, class PooledSqliteEventLogStorage."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> PooledSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={"timeout": 30, "check_same_thread": False},
            )
            event.listen(engine, "connect", _relax_durability)
            self._initdb(engine)
            self._initialized_dbs.add(shard)
            self._engines[shard] = engine
        return engine

    def dispose(self) -> None:
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


def _relax_durability(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=NORMAL").close()
