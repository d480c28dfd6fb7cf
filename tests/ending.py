"""What tests have started ends with pytest, when that is ended from outside."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

# Whoever is started inherits it, and keeps it when who started him has gone.
_MARK = "PLUMBLINE_TESTS_OF"
# How often, and after how many seconds, it is looked for others.
_LOOKS, _MOMENT = 3, 0.05


def end_all_with_this_process() -> None:
    """Have SIGTERM and SIGHUP, where nobody cares for them yet, end whatever this process has started."""
    os.environ[_MARK] = str(os.getpid())
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    """Stop all before any is killed: nobody starts others meanwhile, or gets another parent."""
    stopped: set[int] = set()
    looks = 0
    while looks < _LOOKS:
        found = _started() - stopped
        for process in found:
            _send(process, signal.SIGSTOP)
        stopped |= found
        looks = 0 if found else looks + 1
        if not found:
            # Who has just begun shows no environment for a moment.
            time.sleep(_MOMENT)
    for process in stopped:
        _send(process, signal.SIGKILL)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _send(process: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)


def _started() -> set[int]:
    """Find the descendants of this process, and who else has its mark."""
    own, parents, found = os.getpid(), {}, set()
    mark = f"{_MARK}={own}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(place.name)] = int((place / "stat").read_bytes().rpartition(b")")[2].split()[1])
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found.add(int(place.name))
    while more := {process for process, parent in parents.items() if parent in found | {own}} - found:
        found |= more
    return found - {own}
