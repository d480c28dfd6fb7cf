"""Work that goes on in a thread, over a connection of its own, while the steps of a run go on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import duckdb

from plumbline.warehouse import connect

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PATIENCE = 0.02
Result = TypeVar("Result")


class Beside(Generic[Result]):
    """Begins to `work` at once; `result` waits for it, and raises what it raised."""

    def __init__(self, name: str, warehouse: Path, work: Callable[[DuckDBPyConnection], Result]) -> None:
        self._connection = connect(warehouse)
        self._pool = ThreadPoolExecutor(1, name)
        self._future = self._pool.submit(self._do, work)

    def _do(self, work: Callable[[DuckDBPyConnection], Result]) -> Result:
        try:
            return work(self._connection)
        finally:
            self._connection.close()

    def result(self) -> Result:
        return self._future.result()

    def stop(self) -> None:
        """End the work, wherever it is; nothing of it stays unless it was complete."""
        self._future.cancel()
        while not wait([self._future], timeout=_PATIENCE).done:
            # An interruption ends one statement; another may begin before the thread meets it.
            with suppress(duckdb.Error):  # closed meanwhile
                self._connection.interrupt()
        self._pool.shutdown()
