"""Import what reads and writes extracts, in one thread at a time: these libraries import each other."""

from __future__ import annotations

import threading

_importing = threading.Lock()


def load_libraries() -> None:
    """Import them, unless that has been done; not needed where nothing is new."""
    with _importing:
        import duckdb  # noqa: F401
        import numpy  # noqa: F401
        import pyarrow.compute  # type: ignore[import-untyped]
        import pyarrow.csv  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]  # noqa: F401
