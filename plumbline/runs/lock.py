"""One writer at a time: a file lock that the operating system releases when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

from plumbline.errors import LockedError

# Seconds between attempts to lock.
_LOOKS = (0.01, 0.05)
_held: dict[Path, IO[str]] = {}


class RunLock:
    """Hold `path` exclusively; entering it again in the same process is allowed and does nothing.

    Raises LockedError when another process holds it; the error names that process and since when it works.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._owns = False

    def __enter__(self) -> RunLock:
        if self._path in _held:
            return self
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(self._path, "a+", encoding="utf-8")
        try:
            _lock(handle)
        except OSError:
            holder = _read_holder(handle)
            handle.close()
            raise LockedError(
                "another run is at work",
                where=str(self._path.parent),
                why=f"Process {holder.get('pid', '?')} has held the lock since {holder.get('since', '?')}.",
                todo="Wait until it ends; the lock of a killed run is released by itself.",
            ) from None
        handle.seek(0)
        handle.truncate()
        json.dump({"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}, handle)
        handle.flush()
        _held[self._path] = handle
        self._owns = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owns:
            self._owns = False
            _held.pop(self._path).close()


def holder_of(path: Path) -> int | None:
    """Give the process that holds a lock; None when none does."""
    if path.resolve() in _held:
        return os.getpid()
    try:
        with open(path, encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                pid = _read_holder(handle).get("pid")
                return pid if isinstance(pid, int) else None
    except FileNotFoundError:
        pass
    return None


def _lock(handle: IO[str]) -> None:
    """Lock a file exclusively; whoever asks `holder_of` holds it for an instant, so look again then."""
    for wait in (*_LOOKS, 0.0):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if not wait:
                raise
            time.sleep(wait)


def _read_holder(handle: IO[str]) -> dict[str, object]:
    handle.seek(0)
    try:
        holder = json.load(handle)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}
