"""The ledger as explanations and reports read it: once, with every link checked, sorted by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from plumbline.ledger import Break, Record, Witnessing, check_chain

_KEPT = (
    "load",
    "definition",
    "quality",
    "publication",
    "heal",
    "hold",
    "release",
    "restatement",
    "waiver",
    "approval",
    "witness",
)
ABANDONED = "publication abandoned"


def short_commit(commit: str) -> str:
    """Shorten a commit; its + says that files differed from it."""
    return commit[:12] + "+" * commit.endswith("+")


@dataclass
class Book:
    """The ledger, read once with every link checked."""

    witnessing: Witnessing
    records: dict[str, list[Record]] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    breaks: list[Break] = field(default_factory=list)

    @classmethod
    def read(cls, witnessing: Witnessing) -> Book:
        """Read it; where the chain does not hold is kept in `breaks`."""
        book = cls(witnessing)
        for found in check_chain(witnessing.ledger.lines()):
            if isinstance(found, Break):
                book.breaks.append(found)
                continue
            book.hashes[found.seq] = found.hash
            if found.kind in _KEPT:
                book.records.setdefault(found.kind, []).append(found)
        return book

    def of(self, kind: str) -> Sequence[Record]:
        """Give the records of a kind, oldest first."""
        return self.records.get(kind, ())

    def publication(self, publication_id: str) -> Record | None:
        """Give the record of a publication."""
        found = (r for r in reversed(self.of("publication")) if r.body["publication_id"] == publication_id)
        return next(found, None)

    def quality(self, run_id: str) -> Record | None:
        """Give the record of what the checks of a run found."""
        return next((r for r in reversed(self.of("quality")) if r.body["run_id"] == run_id), None)

    def loads(self) -> dict[int, tuple[str, int]]:
        """Give digest and number of the record of every load."""
        bodies = ((record.body, record.seq) for record in self.of("load"))
        return {body["load"]: (body["sha256"], seq) for body, seq in bodies}

    def abandoned(self) -> set[str]:
        """Name the publications that were recorded, and never seen by anybody."""
        bodies = (record.body for record in self.of("heal"))
        return {body["publication_id"] for body in bodies if body["what"] == ABANDONED}
