"""What all tables of one system share while they are landed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Protocol

from plumbline.landing.cache import ReadCache
from plumbline.landing.contract import TableContract
from plumbline.landing.manifests import Manifest, current_loads, table_loads
from plumbline.landing.outcomes import ExtractOutcome
from plumbline.landing.quarantine import Refusal
from plumbline.landing.secrets import Secrets
from plumbline.landing.sources import SystemSource
from plumbline.landing.writer import LoadNumbers, Totals
from plumbline.project import Home

Progress = Callable[[str], None]


class LandingStopped(BaseException):
    """Nothing more is to land: the run is over. No outcome of anything, so no handler of errors takes it."""


class Numbers(Protocol):
    """Hands out load numbers."""

    def next(self) -> int: ...


@dataclass
class Session:
    """One landing of one system; relative paths of the sources file start at `root`.

    `accepted` are the files of which at least one table has landed, now or before. `down` says why nothing
    of the system can be reached, once that is known. `stop` is set when the run ends before landing does.
    """

    root: Path
    home: Home
    company: str
    system: SystemSource
    contract: Mapping[str, TableContract]
    secrets: Secrets
    as_of: date
    wait: Callable[[float], None]
    totals: Totals = field(default_factory=Totals)
    refusals: list[Refusal] = field(default_factory=list)
    accepted: set[Path] = field(default_factory=set)
    down: ExtractOutcome | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    _current: dict[str, list[Manifest]] = field(default_factory=dict)

    @cached_property
    def cache(self) -> ReadCache:
        return ReadCache(self.home.landing / ".cache" / f"{self.system.name}.json")

    @cached_property
    def numbers(self) -> Numbers:
        return LoadNumbers(self.home)

    def go_on(self) -> None:
        """Raise LandingStopped when the run is over."""
        if self.stop.is_set():
            raise LandingStopped

    def directory(self, table: str) -> Path:
        """Give the directory of a table's loads."""
        return self.home.landing / self.system.name / table

    def current(self, table: str) -> list[Manifest]:
        """Give the current loads of a table, oldest first."""
        if table not in self._current:
            self._current[table] = current_loads(table_loads(self.directory(table)))
        return self._current[table]

    def known_lines(self, table: str, load: int) -> Path:
        """Give the file that tells what is remembered of the lines of a table's snapshot, as of a load."""
        directory = self.home.landing / ".cache" / "lines" / self.system.name / table
        return directory / f"{load}.json"

    def landed(self, manifest: Manifest) -> None:
        """Take note of a load that has become visible."""
        self._current[manifest.table] = current_loads([*self.current(manifest.table), manifest])
