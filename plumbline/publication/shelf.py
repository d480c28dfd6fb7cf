"""The directory of generations: names, the switch to a new one, and what may be removed.

published/gen-000012.duckdb         the tables that people read
published/gen-000012.json           the publication's facts and the files that the generation refers to
published/marts/<mart>/*.parquet    parts of big marts, shared between generations
published/definitions/*.json        the semantic manifest that the figures were computed by
published/current.duckdb            link to the newest generation; replacing it is the whole switch

A generation is complete before its name exists; a name that starts with `.tmp-` is nobody's and may go.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from plumbline.errors import LockedError
from plumbline.publication.facts import Publication
from plumbline.replacing import TEMPORARY, sync, temporary

_NAME = re.compile(r"gen-(\d{6,})\.duckdb")


@dataclass(frozen=True)
class Shelf:
    """The generations under one directory."""

    root: Path

    @property
    def link(self) -> Path:
        return self.root / "current.duckdb"

    @property
    def marts(self) -> Path:
        return self.root / "marts"

    @property
    def definitions(self) -> Path:
        return self.root / "definitions"

    def database(self, generation: int) -> Path:
        return self.root / f"gen-{generation:06d}.duckdb"

    def facts(self, generation: int) -> Path:
        return self.root / f"gen-{generation:06d}.json"

    def generations(self) -> list[int]:
        """Number the generations that are there, oldest first."""
        found = (_NAME.fullmatch(path.name) for path in self.root.glob("gen-*.duckdb"))
        return sorted(int(match[1]) for match in found if match)

    def current(self) -> int | None:
        """Number the generation that `current.duckdb` points to; None before the first publication."""
        try:
            match = _NAME.fullmatch(os.path.basename(os.readlink(f"{self.root}/current.duckdb")))
        except OSError:
            return None
        return int(match[1]) if match and os.path.isfile(f"{self.root}/{match[0]}") else None

    def publication(self, generation: int) -> Publication | None:
        """Read the facts beside a generation; None when they are missing or damaged."""
        try:
            record = json.loads(self.facts(generation).read_text(encoding="utf-8"))
            return Publication.from_json(record, self.database(generation))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other publishers out; the system releases the lock of a killed one."""
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / ".lock", "a", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LockedError(
                    "another process is publishing",
                    where=str(self.root),
                    todo="Wait until it ends; a killed one leaves no lock behind.",
                ) from None
            yield

    def next_generation(self, after: int = 0) -> int:
        """Number the next generation; `after` are numbers that were given before, to files that have gone."""
        return max([after, *self.generations()]) + 1

    def switch_to(self, generation: int) -> None:
        """Make a generation the current one, in one step."""
        link = temporary(self.link)
        link.unlink(missing_ok=True)
        os.symlink(self.database(generation).name, link)
        os.replace(link, self.link)
        sync(self.root)

    def tidy(self) -> None:
        """Remove what an interrupted publication left: temporary files and generations never switched to."""
        for directory in (self.root, self.definitions, *self._mart_directories()):
            for path in directory.glob(f"{TEMPORARY}*"):
                path.unlink()
        current = self.current()
        for generation in self.generations():
            if current is not None and generation > current:
                self._remove(generation)
        for path in self.root.glob("gen-*.json"):
            if not path.with_suffix(".duckdb").exists():
                path.unlink()

    def prune(self, keep: int) -> list[int]:
        """Remove all but the newest `keep` generations, and parts that none refers to; give what went.

        Generations stay whose figures are the last good ones of what the current one holds back. One that
        another process has open stays until a later publication finds it free: its reader may still open
        parts of its marts.
        """
        needed = self._needed()
        removed = [
            generation
            for generation in self.generations()[: -max(keep, 1)]
            if generation not in needed and not _is_open_elsewhere(self.database(generation))
        ]
        for generation in removed:
            self._remove(generation)
        self._remove_unreferenced()
        return removed

    def _needed(self) -> set[int]:
        current = self.current()
        publication = None if current is None else self.publication(current)
        last_good = publication.last_good if publication else ()
        return {int(name.rpartition("-")[2]) for name in last_good} | ({current} if current else set())

    def _remove(self, generation: int) -> None:
        self.database(generation).unlink()
        self.facts(generation).unlink(missing_ok=True)

    def _remove_unreferenced(self) -> None:
        kept = [self.publication(generation) for generation in self.generations()]
        if None in kept:
            return
        publications = [publication for publication in kept if publication]
        wanted = {self.root / part.file for publication in publications for part in publication.parts}
        wanted |= {self.definition(publication.definitions_digest) for publication in publications}
        for directory in (self.definitions, *self._mart_directories()):
            for path in directory.glob("*.*"):
                if path not in wanted:
                    path.unlink()
            with suppress(OSError):
                directory.rmdir()

    def definition(self, digest: str) -> Path:
        """Name the copy of the semantic manifest with this digest."""
        return self.definitions / f"{digest[:16] or 'none'}.json"

    def _mart_directories(self) -> list[Path]:
        return [path for path in self.marts.glob("*") if path.is_dir()]


def _is_open_elsewhere(database: Path) -> bool:
    """Tell whether another process reads the file: every DuckDB reader holds a shared lock on it.

    Locks are per process, so a reader in the publisher's own process does not count.
    """
    with open(database, "r+b") as handle:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
