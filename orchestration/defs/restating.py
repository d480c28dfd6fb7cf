"""Restatements in a run: past figures that differ from what is published, and who has to approve them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.defs.resources import Session
    from plumbline.definitions import Definitions
    from plumbline.gate import Previous


def restate_figures(
    session: Session, connection: Any, definitions: Definitions, previous: Previous | None, now: datetime
) -> None:
    """Compare the candidates with what is published; what waits for an approval keeps its old value."""
    from plumbline.gate import Restatement, restate
    from plumbline.gate.approve import last_good_commit
    from plumbline.gate.compare import BEFORE
    from plumbline.governance.authors import Authors
    from plumbline.governance.people import Involved, other_than
    from plumbline.publication import next_publication_id

    authors = Authors(session.project.root, session.trust)

    def others(metric: str, finders: Collection[str]) -> str:
        found_by = [Involved(who, "started the run") for who in finders]
        since = last_good_commit(connection, f"{BEFORE}.published", [metric])
        return other_than(session.trust, [*found_by, *authors.of_metrics(definitions, [metric], since)])

    session.restated = restate(
        connection,
        definitions,
        session.trust.restating,
        Restatement(
            next_publication_id(session.home, session.record.company),
            session.record.operator,
            session.as_of,
            now,
            previous,
            _has_new_code(session),
        ),
        approvals=session.approvals,
        others=others,
    )
    session.record.restatements = {**session.restated.counts, "awaiting": list(session.restated.awaiting)}


def _has_new_code(session: Session) -> bool:
    """Tell whether files of the project differ from those that made the publication before."""
    before = session.ledger.ledger.newest("publication")
    return bool(before and before.body.get("code_sha256") != session.inputs.code)
