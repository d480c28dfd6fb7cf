"""Where a tool works: one visit, and what all answers say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from plumbline.access import Principal
from plumbline.definitions import Metric
from plumbline.publication import Publication
from plumbline.serving.desk import Limits, Reply, Visit
from plumbline.serving.mcp.cells import text
from plumbline.serving.resolve import Question

_LEAST_SECONDS = 0.1


class Auditor(Protocol):
    """Takes one published figure apart, as JSON; stands above this layer, so it is handed in."""

    def explain(
        self,
        metric: str,
        *,
        period: str = "",
        by: tuple[tuple[str, str], ...] = (),
        grain: str = "",
        publication: str = "",
    ) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Room:
    """What a tool works with: somebody's visit, the way to evidence, and how long an answer may take."""

    visit: Visit
    auditor: Auditor | None = None
    seconds: float = 30.0
    begun: float = field(default_factory=monotonic)

    def ask(self, question: Question, rows: int = 100_000) -> Reply:
        """Answer a question; `rows` is the most that are given."""
        return self.visit.ask(question, self.limits(rows))

    def limits(self, rows: int) -> Limits:
        """Give what is left of the time of the call to its next question."""
        left = self.seconds - (monotonic() - self.begun)
        return Limits(max(left, _LEAST_SECONDS), rows)

    @property
    def principal(self) -> Principal | None:
        """Who asks; None for the operator of this machine."""
        return self.visit.principal

    def metric(self, words: str) -> Metric:
        """Find a metric that who asks may see."""
        return self.visit.words.known[self.visit.words.metric(words)]

    def has_scope(self, scope: str) -> bool:
        """Tell whether what who asks has shown is for this."""
        return self.principal is None or scope in self.principal.scopes

    def facts(self, metrics: Iterable[str] = ()) -> dict[str, Any]:
        """Say what every answer says, of what is published now."""
        verdicts = {entry["name"]: entry["verdict"] for entry in self.visit.metrics()}
        known = self.visit.words.known
        names = list(metrics)
        return {
            **_published(self.visit.publication),
            "definitions": {name: known[name].governance.version for name in names},
            "verdicts": {name: verdicts[name] for name in names},
            "notes": [],
        }


def facts_of(reply: Reply) -> dict[str, Any]:
    """Say what every answer says, of the publication that this one is from."""
    return {
        **_published(reply.publication),
        "definitions": dict(reply.definitions),
        "verdicts": dict(reply.verdicts),
        "notes": list(reply.notes),
    }


def _published(publication: Publication) -> dict[str, Any]:
    return {
        "company": publication.company,
        "publication_id": publication.publication_id,
        "as_of": text(publication.as_of),
        "published_at": text(publication.published_at),
    }
