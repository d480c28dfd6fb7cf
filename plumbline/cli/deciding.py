"""What commands share by which people decide: who acts, with what signature, and what the last run found."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from plumbline.errors import UsageError
from plumbline.governance.people import Involved, acting, sign
from plumbline.governance.trust import Person, Trust, load_trust
from plumbline.project import Home, Project

if TYPE_CHECKING:
    from plumbline.definitions import Definitions
    from plumbline.ledger import Ledger, Witnessing


@dataclass(frozen=True)
class Desk:
    """Where somebody decides about a company."""

    project: Project
    home: Home
    trust: Trust

    @classmethod
    def of(cls, company: str) -> Desk:
        """Open it; UsageError for an unknown company, ConfigurationError for wrong settings."""
        from plumbline.cli.company import home_of

        project, home = Project.find(), home_of(company)
        return cls(project, home, load_trust(project, company))

    @cached_property
    def witnessing(self) -> Witnessing:
        from plumbline.ledger import witnessed_ledger

        return witnessed_ledger(self.home, self.trust)

    @property
    def ledger(self) -> Ledger:
        return self.witnessing.ledger

    @cached_property
    def definitions(self) -> Definitions:
        """The definitions that the last run used."""
        from plumbline.definitions import load

        return load(self.home.semantic_manifest, self.project.root)

    @cached_property
    def published_run(self) -> dict[str, Any]:
        """The record of the run whose figures are published; empty before the first."""
        from plumbline.runs import RunState

        run = RunState.read(self.home.runs / "state.json").published_run
        try:
            content = (self.home.runs / f"{run}.json").read_text(encoding="utf-8")
        except OSError:
            return {}
        record: dict[str, Any] = json.loads(content)
        return record

    def acting(self, right: str) -> Person:
        """Give who decides now; UsageError when they may not."""
        return acting(self.trust, self.project, right)

    def operator(self) -> list[Involved]:
        """Give who started the run whose figures are published."""
        who = self.published_run.get("operator")
        return [Involved(who, f"started the run {self.published_run['run_id']}")] if who else []

    def good_since(self, metrics: Collection[str]) -> str:
        """Give the commit of the code by which the figures of some metrics were last good; '' if unknown."""
        import duckdb

        from plumbline.gate.approve import last_good_commit

        if not (metrics and self.home.current.exists()):
            return ""
        with duckdb.connect(str(self.home.current.resolve()), read_only=True) as connection:
            return last_good_commit(connection, "published", metrics)

    def signature_of(self, person: Person) -> Callable[[bytes], str] | None:
        """Give what signs, where the company wants acts signed."""
        return partial(self._sign, person) if self.trust.signed else None

    def _sign(self, person: Person, content: bytes) -> str:
        return sign(person, content, self.project)

    def show_witnesses(self) -> None:
        """Show the new head of the ledger to its witnesses, and tell on stderr which could not be told."""
        for trouble in self.witnessing.show(strict=False):
            print(f"warning: {trouble}", file=sys.stderr)


def reason_of(text: str) -> str:
    """Give a reason that says something."""
    if len(text.split()) < 2:
        raise UsageError(
            f"{text!r} is no reason",
            where="--reason",
            why="Whoever reads the figure, and the auditor, will see it.",
            todo="Say why these figures may be published.",
            code="no-reason",
        )
    return " ".join(text.split())
