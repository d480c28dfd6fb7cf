"""Verify: the chain, the witnesses, and everything that the newest records speak of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from plumbline.audit.case import Case
from plumbline.audit.definitions import check_definitions
from plumbline.audit.evidence import check_extracts, check_reports
from plumbline.audit.generations import check_generations, check_link
from plumbline.audit.proof import Difference, Proof
from plumbline.audit.witnesses import check_witnesses
from plumbline.errors import StorageError
from plumbline.ledger import Witnessing
from plumbline.project import Home

_CHAIN = "Restore the ledger from a copy."


def check_chain(case: Case) -> Iterator[Difference]:
    """Check that every record is what was written, and follows the one before it."""
    file = case.witnessing.ledger.file
    for found in case.breaks:
        where = f"{file}:{found.line}"
        expected, own = found.expected, found.found
        yield Difference(
            f"the ledger does not hold: {found.what}",
            where,
            f"hash {expected}" if expected else "an unbroken chain of records",
            f"hash {own}" if own else found.what,
            _CHAIN,
        )
    if case.torn:
        case.proof.notes.append(
            "The last line of the ledger was torn by a crash; the next run sets it aside."
        )


CHECKS: tuple[Callable[[Case], Iterator[Difference]], ...] = (
    check_chain,
    check_witnesses,
    check_link,
    check_generations,
    check_definitions,
    check_extracts,
    check_reports,
)


def verify(home: Home, witnessing: Witnessing, company: str) -> Proof:
    """Check the state of a company against its ledger; differences stand in the order of CHECKS.

    Neither the warehouse nor any service is needed. Raises StorageError when there is no ledger, and nobody
    has seen one.
    """
    started = time.perf_counter()
    case = Case(home, witnessing, Proof(company))
    case.read()
    if not case.hashes and not case.breaks and not _was_there(witnessing):
        raise StorageError(
            "there is no ledger",
            where=str(witnessing.ledger.file),
            why="Nothing was recorded yet.",
            todo=f"`plumb run --company {company}` records what it lands, checks and publishes.",
            code="no-ledger",
        )
    for check in CHECKS:
        case.proof.differences += check(case)
    case.proof.seconds = round(time.perf_counter() - started, 3)
    return case.proof


def _was_there(witnessing: Witnessing) -> bool:
    from plumbline.ledger import WitnessUnreachable

    if witnessing.notes():
        return True
    try:
        return any(witness.read() for witness in witnessing.witnesses)
    except WitnessUnreachable:
        return True
