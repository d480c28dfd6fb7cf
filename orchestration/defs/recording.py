"""What a run says in the ledger, and what it makes good there of a run that was cut off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.errors import PlumblineError
from plumbline.landing import Manifest
from plumbline.ledger import Witnessing

if TYPE_CHECKING:
    from orchestration.defs.resources import Session
    from plumbline.landing import SystemResult
    from plumbline.publication import Publication


def recover(session: Session) -> None:
    """Make good what a crash left: switch to a complete publication, show the witnesses what they missed.

    Raises LedgerError when a witness has seen records that the ledger does not have.
    """
    from plumbline.publication.recording import roll_forward

    kept = session.ledger
    if not session.record.warnings:
        _warn(session, kept.catch_up())
    if any(witness.required and not kept.has_seen_all(witness) for witness in kept.witnesses):
        return
    if body := roll_forward(kept.ledger, session.home):
        session.state.write(
            session.state_file, published_fingerprint=body["inputs"], published_run=body["run_id"]
        )
    finish(session)


def finish(session: Session) -> None:
    """Show the witnesses what this run has recorded; what goes wrong is said, and made good by the next.

    A witness that this run could not reach is waited for once, not at the end of each of its jobs.
    """
    if session.record.warnings:
        return
    try:
        _warn(session, session.ledger.show(strict=False))
    except (PlumblineError, OSError) as error:
        _warn(session, [str(error)])


def record_landed(session: Session, result: SystemResult) -> None:
    """Record the loads that have just landed."""
    loads = [
        Manifest.read(session.home.landing / result.system / outcome.table / f"load={extract.load}")
        for outcome in result.outcomes
        for extract in outcome.extracts
        if extract.status == "landed" and extract.load
    ]
    _record_loads(session.ledger, loads)


def record_quality(session: Session, connection: Any, report: Path) -> None:
    """Record what the gate found, and the loads that a run which was cut off had landed."""
    from plumbline.publication.recording import loads_without_record, quality_body

    kept = session.ledger
    _record_loads(kept, loads_without_record(kept.ledger, session.home))
    kept.ledger.append("quality", quality_body(connection, session.record.run_id, report))


def note_quarantine(session: Session, connection: Any) -> None:
    """Remember which rows are in quarantine since when, and which of them are gone or were released."""
    from datetime import UTC, datetime

    from plumbline.quarantine import note_seen

    current = session.home.current
    note_seen(
        connection,
        now=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        released=[(row.system, row.table, row.row_key) for row in session.released],
        previous=current.resolve() if current.exists() else None,
    )


def record_publication(session: Session, publication: Publication) -> None:
    """Record a complete generation, and the definitions that differ from those of the one before it."""
    from plumbline.publication.recording import (
        definition_changes,
        definition_states,
        metric_digests,
        publication_body,
    )

    ledger = session.ledger.ledger
    before, quality = ledger.newest("publication"), ledger.newest("quality")
    metrics = metric_digests(session.home.semantic_manifest, session.home.compiled)
    body = publication_body(
        publication,
        session.home,
        metrics=metrics,
        quality=quality.body if quality else None,
        lock=session.project.root / "requirements.lock",
        code=session.inputs.code,
        inputs=session.inputs.everything,
        operator=session.record.operator,
        holds=len({cell for held in session.record.holds for cell in held["cells"]}),
        releases=[row.release for row in session.released],
        approvals=session.restated.approvals if session.restated else (),
    )
    states = definition_states(session.home.semantic_manifest)
    changes = definition_changes(before.body["metrics"] if before else {}, metrics, states)
    told = [*(("definition", change) for change in changes), *_held(session), *_restated(session)]
    ledger.append_all([*told, ("publication", body)])
    _warn(session, session.ledger.show())


def _held(session: Session) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Record what is newly held back, by check, and what no longer is."""
    kept = ("stage", "table", "expectation", "expected", "severity", "owner", "message", "days", "last_good")
    for held in session.record.holds:
        if held["new"]:
            yield (
                "hold",
                {**{name: held[name] for name in kept}, "figures": held["new"]},
            )
    if session.record.released:
        yield "release", {"figures": session.record.released}


def _restated(session: Session) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Record which past figures differ from those that were published before."""
    if session.restated and session.restated.body:
        yield "restatement", session.restated.body


def _record_loads(kept: Witnessing, loads: Iterable[Manifest]) -> None:
    from plumbline.publication.recording import load_body

    in_order = sorted(loads, key=lambda manifest: manifest.load)
    kept.ledger.append_all([("load", load_body(manifest)) for manifest in in_order])


def _warn(session: Session, troubles: list[str]) -> None:
    session.record.warnings += [text for text in troubles if text not in session.record.warnings]
