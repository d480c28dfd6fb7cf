"""Land the systems of a company at the same time; what comes of it is as if they had landed one by one."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path

from plumbline.errors import PlumblineError
from plumbline.landing.land import expected_loads, land, open_session
from plumbline.landing.outcomes import LANDED, SystemResult
from plumbline.landing.session import Progress, Session
from plumbline.landing.sources import Sources
from plumbline.landing.writer import LoadNumbers
from plumbline.project import Home, Project

# Seconds that a system has to notice that the run is over; it may be waiting for an answer from far away.
_GRACE = 5.0


class Landings:
    """One thread for each system, all at work from now on; `result` waits for one of them.

    Loads are numbered in the order of the systems, whichever is faster. The caller holds the company's run
    lock, and closes this before it gives the lock away.
    """

    def __init__(
        self,
        project: Project,
        home: Home,
        sources: Sources,
        systems: Sequence[str],
        *,
        data: Path | None = None,
        as_of: date,
        environment: Mapping[str, str] | None = None,
        when_landed: Callable[[], None] = lambda: None,
    ) -> None:
        self._when_landed = when_landed
        self._finished: queue.SimpleQueue[_Landing] = queue.SimpleQueue()
        self._stop = threading.Event()
        sessions = [
            open_session(project, home, sources, system, data, as_of, environment) for system in systems
        ]
        shares = _Shares(home, {session.system.name: _expected(session) for session in sessions})
        self._landings = {
            session.system.name: _Landing(session, shares, self._stop, self._finished) for session in sessions
        }
        for landing in self._landings.values():
            landing.thread.start()

    def result(self, system: str, progress: Progress) -> SystemResult:
        """Wait for one system, show its progress, and give what came of it; raises what it raised."""
        landing = self._landings[system]
        landing.show(progress)
        while not landing.is_told:
            finished = self._finished.get()
            finished.is_told = True
            if finished.has_landed:
                self._when_landed()
        if landing.error is not None:
            raise landing.error
        assert landing.result is not None
        return landing.result

    @property
    def are_over(self) -> bool:
        """Whether every system has landed, none with an error."""
        return all(landing.result is not None for landing in self._landings.values())

    def seconds(self, system: str) -> float:
        """Tell how long a system took, or has taken so far."""
        return self._landings[system].seconds

    def close(self) -> None:
        """Stop what is still at work: none of it becomes visible any more."""
        self._stop.set()
        until = time.monotonic() + _GRACE
        for landing in self._landings.values():
            landing.thread.join(max(0.0, until - time.monotonic()))


def _wait(session: Session, seconds: float) -> None:
    session.stop.wait(seconds)
    session.go_on()


class _Landing:
    """One system, landed in a thread of its own."""

    def __init__(
        self,
        session: Session,
        shares: _Shares,
        stop: threading.Event,
        finished: queue.SimpleQueue[_Landing],
    ) -> None:
        system = session.system.name
        session.numbers = shares.of(system)
        session.stop = stop
        session.wait = partial(_wait, session)
        self.result: SystemResult | None = None
        self.error: BaseException | None = None
        self.is_told = False
        self.thread = threading.Thread(
            target=self._land, args=(session, shares, finished), name=f"landing {system}", daemon=True
        )
        self._began = time.perf_counter()
        self._ended: float | None = None
        self._showing = threading.Lock()
        self._said = ""
        self._progress: Progress | None = None

    @property
    def has_landed(self) -> bool:
        """Whether anything new has come."""
        return self.result is not None and any(one.status == LANDED for one in self.result.outcomes)

    @property
    def seconds(self) -> float:
        return round((self._ended or time.perf_counter()) - self._began, 3)

    def show(self, progress: Progress) -> None:
        """Show what is going on, and what follows."""
        with self._showing:
            self._progress = progress
            if self._said:
                progress(self._said)

    def _say(self, text: str) -> None:
        with self._showing:
            self._said = text
            if self._progress:
                self._progress(text)

    def _land(self, session: Session, shares: _Shares, finished: queue.SimpleQueue[_Landing]) -> None:
        self._began = time.perf_counter()
        try:
            self.result = land(session, self._say)
        except BaseException as error:
            self.error = error
        self._ended = time.perf_counter()
        shares.release(session.system.name)
        finished.put(self)


def _expected(session: Session) -> int:
    """Say how many loads a system is expected to bring; what keeps it from being known is told by landing."""
    with suppress(PlumblineError, OSError):
        return expected_loads(session)
    return len(session.system.tables)


class _Shares:
    """Load numbers for several systems: a share for each, in their order, taken when the first is needed.

    A system that needs more than its share waits until those before it have landed.
    """

    def __init__(self, home: Home, expected: Mapping[str, int]) -> None:
        self._home = home
        self._expected = expected
        self._lock = threading.Lock()
        self._shares: dict[str, list[int]] = {}
        self._landed = {system: threading.Event() for system in expected}

    def of(self, system: str) -> _Share:
        return _Share(self, system)

    def next(self, system: str) -> int:
        """Take the next number of a system."""
        with self._lock:
            if not self._shares:
                self._share_out()
            if self._shares[system]:
                return self._shares[system].pop(0)
        for before in self._expected:
            if before == system:
                break
            self._landed[before].wait()
        return LoadNumbers(self._home).next()

    def _share_out(self) -> None:
        numbers = LoadNumbers(self._home).take(sum(self._expected.values()))
        for system, count in self._expected.items():
            self._shares[system], numbers = list(numbers[:count]), numbers[count:]

    def release(self, system: str) -> None:
        """Let the systems behind this one go on."""
        self._landed[system].set()


class _Share:
    """The load numbers of one system."""

    def __init__(self, shares: _Shares, system: str) -> None:
        self._shares = shares
        self._system = system

    def next(self) -> int:
        """Take the next number."""
        return self._shares.next(self._system)
