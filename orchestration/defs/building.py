"""Build the candidates in a thread of their own, while the marts are checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING

import duckdb

from plumbline.warehouse import connect

if TYPE_CHECKING:
    from orchestration.defs.resources import Session
    from plumbline.indicators import Candidates

_PATIENCE = 0.02


class Building:
    """Candidates that are being built; `result` waits for them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = connect(session.home.warehouse)
        self._heard: Callable[[str], object] = lambda text: None
        self._seconds = 0.0
        self._pool = ThreadPoolExecutor(1, "candidates")
        self._future = self._pool.submit(self._build)

    def _build(self) -> Candidates:
        from plumbline.indicators import build_candidates

        started = time.perf_counter()
        session = self._session
        try:
            return build_candidates(
                self._connection,
                session.project,
                session.home,
                as_of=session.as_of,
                progress=lambda text: self._heard(text),
                marts=session.marts,
                full=session.record.full,
            )
        finally:
            self._connection.close()
            self._seconds = round(time.perf_counter() - started, 3)

    def result(self) -> Candidates:
        """Wait for the candidates; the seconds of the stage are those since their beginning."""
        with self._session.record.stage("indicators", lambda: self._seconds) as progress:
            self._heard = progress.update
            return self._future.result()

    def stop(self) -> None:
        """End the building, whatever it does; nothing of it stays unless it was complete."""
        self._future.cancel()
        while not wait([self._future], timeout=_PATIENCE).done:
            # An interruption ends one statement; another may begin before the thread meets it.
            with suppress(duckdb.Error):  # closed meanwhile
                self._connection.interrupt()
        self._pool.shutdown()
