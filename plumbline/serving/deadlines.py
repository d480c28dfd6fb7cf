"""Ends of time: one thread waits for all of them; a thread for each question would cost more than most."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True)
class Deadline:
    """A moment, and what is done when it comes, unless it was called off."""

    at: float
    number: int
    action: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Call it off."""
        self.action = None


class Deadlines:
    """Deadlines of one process. The thread begins with the first, and ends with the process."""

    def __init__(self) -> None:
        self._pending: list[Deadline] = []
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, action: Callable[[], None]) -> Deadline:
        """Do something when so many seconds have passed; in another thread, and without waiting for it."""
        found = Deadline(time.monotonic() + seconds, next(self._numbers), action)
        with self._changed:
            heapq.heappush(self._pending, found)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            # Mostly the new one is the last: the thread need not be woken for it.
            if self._pending[0] is found:
                self._changed.notify()
        return found

    def _run(self) -> None:
        while True:
            _come(self._next())

    def _next(self) -> Deadline:
        """Wait for the next deadline; those that were called off are passed over."""
        with self._changed:
            while True:
                while self._pending and self._pending[0].action is None:
                    heapq.heappop(self._pending)
                if not self._pending:
                    self._changed.wait()
                    continue
                left = self._pending[0].at - time.monotonic()
                if left <= 0:
                    return heapq.heappop(self._pending)
                self._changed.wait(left)


def _come(deadline: Deadline) -> None:
    """Do what is due; whatever it holds is let go of with it."""
    action, deadline.action = deadline.action, None
    if action is not None:
        action()


DEADLINES = Deadlines()
