"""The SQL endpoint for tests: it runs in a thread before a real PostgreSQL that asks for passwords."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from plumbline.serving.desk import Desk
from plumbline.serving.request_log import RequestLog
from plumbline.serving.sql.endpoint import serve_sql
from plumbline.serving.sql.options import SqlOptions, Upstream

PASSWORD = "a secret"


@dataclass(frozen=True)
class Address:
    """Where an endpoint listens, and the PostgreSQL behind it."""

    port: int
    server: str

    def conninfo(self, account: str, *, port: int = 0, **more: Any) -> dict[str, Any]:
        """What libpq needs to connect to the endpoint."""
        found = {"host": "127.0.0.1", "port": port or self.port, "user": account, "password": PASSWORD}
        return {**found, "dbname": "postgres", "connect_timeout": 20, **more}

    def connect(self, account: str = "ana", **more: Any) -> psycopg.Connection[Any]:
        """Connect through the endpoint."""
        return psycopg.connect(**self.conninfo(account, **more), autocommit=True)

    def direct(self) -> psycopg.Connection[Any]:
        """Connect to PostgreSQL itself, as who may do everything."""
        return psycopg.connect(self.server, autocommit=True)


def prepare(server: str, accounts: Sequence[str]) -> None:
    """Create accounts with a password, and let nobody in without one but the superuser."""
    with psycopg.connect(server, autocommit=True) as connection:
        for account in accounts:
            connection.execute(f"CREATE ROLE \"{account}\" LOGIN PASSWORD '{PASSWORD}'")
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        Path(row[0]).write_text("local all postgres trust\nlocal all all scram-sha-256\n", encoding="utf-8")
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def running(
    desk: Desk,
    server: str,
    *,
    log: RequestLog | None = None,
    renew: Callable[[], object] | None = None,
    **options: Any,
) -> Iterator[Address]:
    """Run the endpoint until the block ends."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    listening: list[int] = []

    def is_ready(host: str, port: int) -> None:
        listening.append(port)
        ready.set()

    given = SqlOptions(Upstream.of(server), port=0, **options)
    task = loop.create_task(serve_sql(desk, given, ready=is_ready, log=log, renew=renew))
    thread = threading.Thread(target=_run, args=(loop, task))
    thread.start()
    try:
        assert ready.wait(20)
        yield Address(listening[0], server)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(20)
        assert not thread.is_alive()


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    try:
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
