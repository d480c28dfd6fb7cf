"""What takes seconds to build, built by one of the test processes for all of them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def built_once(directories: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Give the directory that `build` has filled in this session, in whichever process; not to be changed.

    Who asks meanwhile waits. What could not be built is tried again by the next who asks.
    """
    shared = _shared_by_all(directories)
    place, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            build(place)
            done.touch()
    return place


def _shared_by_all(directories: pytest.TempPathFactory) -> Path:
    """Give the directory of the session: each process of pytest-xdist has its own below it.

    A pytest that a test starts has that process's name in its environment, too, and a session of its own.
    """
    own = directories.getbasetemp()
    is_part = own.name == f"popen-{os.environ.get('PYTEST_XDIST_WORKER')}"
    shared = (own.parent if is_part else own) / "shared"
    shared.mkdir(exist_ok=True)
    return shared
