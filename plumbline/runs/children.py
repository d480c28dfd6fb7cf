"""The processes that this one has started, and those that they have."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")


def kill_children() -> None:
    """End every process that this one has started, directly or not, at once."""
    for pid in list(_descendants(os.getpid(), _parents())):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int, parents: dict[int, int]) -> Iterator[int]:
    for child in (child for child, parent in parents.items() if parent == pid):
        yield child
        yield from _descendants(child, parents)


def _parents() -> dict[int, int]:
    """Give the parent of each process; from `ps` where the system has no /proc."""
    if not (_PROCESSES / "self" / "stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True)
        return {int(pid): int(parent) for pid, parent in map(str.split, listed.stdout.splitlines())}
    found = {}
    for path in _PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            # The name of a process, in parentheses, may hold blanks.
            found[int(path.parent.name)] = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
    return found
