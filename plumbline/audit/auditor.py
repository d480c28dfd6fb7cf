"""What servers ask of the audit: one figure explained, and the publications that the ledger knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.audit.book import Book
from plumbline.audit.explain import explain
from plumbline.audit.explain_figure import Asked
from plumbline.ledger import Witnessing
from plumbline.project import Home, Project

_TOLD = (
    "publication_id",
    "generation",
    "as_of",
    "run_id",
    "code_commit",
    "definitions_digest",
    "file",
    "file_sha256",
    "facts_sha256",
    "holds",
)


@dataclass(frozen=True)
class Auditor:
    """Audits one company; everything is read anew, since the ledger grows."""

    home: Home
    witnessing: Witnessing
    company: str
    project: Project | None = None

    def explain(
        self,
        metric: str,
        *,
        period: str = "",
        by: tuple[tuple[str, str], ...] = (),
        grain: str = "",
        publication: str = "",
    ) -> Mapping[str, Any]:
        """Give everything that can be said of one published figure; figures are texts with all their digits.

        Raises what `plumbline.audit.explain.explain` raises.
        """
        asked = Asked(metric, period, by, grain)
        found = explain(
            self.home, self.witnessing, self.company, asked, publication=publication, project=self.project
        )
        return found.as_json()

    def publications(self) -> list[dict[str, Any]]:
        """Give what the ledger says of each publication, the newest first."""
        book = Book.read(self.witnessing)
        abandoned = book.abandoned()
        return [
            {
                **{name: record.body.get(name) for name in _TOLD},
                "recorded_at": record.at,
                "record": record.seq,
                "record_hash": record.hash,
                "abandoned": record.body["publication_id"] in abandoned,
            }
            for record in reversed(book.of("publication"))
        ]
