"""Build the candidates in a thread of their own, while the marts are checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestration.defs.beside import Beside

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from orchestration.defs.resources import Session
    from plumbline.indicators import Candidates


class Building:
    """Candidates that are being built; `result` waits for them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._heard: Callable[[str], object] = lambda text: None
        self._seconds = 0.0
        self._work = Beside("candidates", session.home.warehouse, self._build)

    def _build(self, connection: DuckDBPyConnection) -> Candidates:
        from plumbline.indicators import build_candidates

        started = time.perf_counter()
        session = self._session
        try:
            return build_candidates(
                connection,
                session.project,
                session.home,
                as_of=session.as_of,
                progress=lambda text: self._heard(text),
                marts=session.marts,
                full=session.record.full,
            )
        finally:
            self._seconds = round(time.perf_counter() - started, 3)

    def result(self) -> Candidates:
        """Wait for the candidates; the seconds of the stage are those since their beginning."""
        with self._session.record.stage("indicators", lambda: self._seconds) as progress:
            self._heard = progress.update
            return self._work.result()

    def stop(self) -> None:
        """End the building, whatever it does; nothing of it stays unless it was complete."""
        self._work.stop()
