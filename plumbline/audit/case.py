"""What every check of an audit works on: the state of a company, and its ledger read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from plumbline.audit.proof import Difference, Proof
from plumbline.ledger import Break, Record, Witnessing, check_chain
from plumbline.project import Home
from plumbline.publication import Shelf
from plumbline.publication.digests import file_digest

RESTORE = "Restore it from a copy."
_KEPT_KINDS = ("load", "quality", "publication", "heal", "witness")


@dataclass
class Case:
    """The state of one company, what its ledger says, and the proof that the checks fill."""

    home: Home
    witnessing: Witnessing
    proof: Proof
    breaks: list[Break] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    torn: bool = False

    def read(self) -> None:
        """Read the ledger, with every link checked; records that nobody asks for are not kept."""
        for found in check_chain(self._lines()):
            if isinstance(found, Break):
                self.breaks.append(found)
                continue
            self.proof.checked["records"] += 1
            self.hashes.setdefault(found.seq, found.hash)
            # What cannot be read has been told as a break: its hash is another.
            if found.kind in _KEPT_KINDS and found.is_readable:
                self.records.append(found)

    def _lines(self) -> Iterator[bytes]:
        for line in self.witnessing.ledger.lines():
            self.torn = not line.endswith(b"\n")
            yield line

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Give what the records of a kind say, oldest first."""
        return [record.body for record in self.records if record.kind == kind]

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.home.published.resolve())

    @cached_property
    def publications(self) -> list[dict[str, Any]]:
        """The publications that were not abandoned, oldest first."""
        abandoned = {
            body["publication_id"] for body in self.bodies("heal") if body["what"] == "publication abandoned"
        }
        return [body for body in self.bodies("publication") if body["publication_id"] not in abandoned]

    @property
    def kept(self) -> list[dict[str, Any]]:
        """The publications whose generation is on the shelf, and the newest one, newest first."""
        there = set(self.shelf.generations())
        newest = self.publications[-1:]
        older = [body for body in self.publications[:-1] if body["generation"] in there]
        return [*newest, *reversed(older)]

    def differing_file(
        self, path: Path, expected: str | None, what: str, todo: str = RESTORE
    ) -> Iterator[Difference]:
        """Compare a file with the SHA-256 that was recorded of it."""
        try:
            found = file_digest(path)
        except OSError:
            yield Difference(f"{what} is gone", str(path), f"SHA-256 {expected}", "no file", todo)
            return
        if found != expected:
            what = f"{what} is not what was recorded"
            yield Difference(what, str(path), f"SHA-256 {expected}", f"SHA-256 {found}", todo)


def by_name(items: Iterable[Mapping[str, Any]], *names: str) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """Index bodies by some of their members."""
    return {tuple(item[name] for name in names): item for item in items}
