"""Work of requests: in a few threads, for a time, and only as long as somebody waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

from plumbline.errors import LimitError

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")
# Seconds beyond the time that a question may take, for writing its answer.
_GRACE = 2.0


class Cancellable(Protocol):
    """Something at work that can be told to stop, from any thread."""

    def cancel(self) -> None:
        """Stop."""


class Job:
    """The work of one request; what is at work for it is stopped when nobody waits any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: Cancellable | None = None
        self.is_cancelled = False

    def holds(self, works: Cancellable) -> None:
        """Name what is at work; it is stopped at once where the job was cancelled already."""
        with self._lock:
            self._works = works
            cancelled = self.is_cancelled
        if cancelled:
            works.cancel()

    def done(self) -> None:
        """Say that nothing is at work any more."""
        with self._lock:
            self._works = None

    def cancel(self) -> None:
        """Stop what is at work, or what will be."""
        with self._lock:
            self.is_cancelled = True
            if self._works:
                self._works.cancel()


class Workers:
    """Threads for the work of requests; a few requests may wait, more are turned away."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._most = threads + waiting
        self._count = 0
        self._lock = threading.Lock()

    async def run(self, request: Request, work: Callable[[Job], T], seconds: float) -> T:
        """Do the work in a thread; LimitError when it takes too long, too many wait, or nobody waits."""
        with self._lock:
            if self._count >= self._most:
                raise LimitError("too many questions at once", todo="Ask again in a second.", code="busy")
            self._count += 1
        job = Job()
        future = self._pool.submit(work, job)
        future.add_done_callback(self._ended)
        working = asyncio.wrap_future(future)
        leaving = asyncio.create_task(_gone(request))
        try:
            await asyncio.wait(
                (working, leaving), timeout=seconds + _GRACE, return_when=asyncio.FIRST_COMPLETED
            )
            if working.done():
                return working.result()
            raise _left() if leaving.done() else too_slow(seconds)
        finally:
            leaving.cancel()
            if not working.done():
                job.cancel()
                working.cancel()

    def _ended(self, future: Future[T]) -> None:
        """Count the thread as free when its work has ended, not when nobody waits for it any more."""
        with self._lock:
            self._count -= 1

    def close(self) -> None:
        """End the threads; what has not begun is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def _gone(request: Request) -> None:
    """Wait until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def too_slow(seconds: float) -> LimitError:
    """Say that a question took longer than one may."""
    return LimitError(
        f"the question took longer than {seconds:g} seconds",
        todo="Ask for a shorter period or fewer dimensions, or for one of the published tables.",
        code="query-timeout",
    )


def _left() -> LimitError:
    return LimitError("the client has gone", code="query-cancelled")
