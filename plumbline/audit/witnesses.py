"""Is the ledger the one that its witnesses saw?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plumbline.audit.case import RESTORE, Case
from plumbline.audit.proof import Difference
from plumbline.ledger import GENESIS, Seen, Witness, WitnessUnreachable
from plumbline.ledger.witness import line_digest

_OTHER = (
    "Restore the ledger from a copy. If the state of the company was removed on purpose, move what the "
    "witness holds aside, too."
)


def check_witnesses(case: Case) -> Iterator[Difference]:
    """Compare what each witness saw with the ledger, and its lines with one another."""
    if not case.witnessing.witnesses:
        case.proof.notes.append(
            "No witness is settled: a ledger that was cut or rewritten as a whole shows nothing."
        )
    for witness in case.witnessing.witnesses:
        try:
            lines = witness.read()
        except WitnessUnreachable as error:
            yield Difference(
                f"witness {witness.name!r} cannot be asked",
                witness.place,
                "the lines that it was shown",
                str(error),
                "Reach it, or check without it: --no-witness.",
            )
            continue
        case.proof.checked["witness lines"] += len(lines)
        yield from _compared(case, witness, lines)
        yield from _linked(case, witness, lines)
        yield from _remembered(case, witness, lines)


def _compared(case: Case, witness: Witness, lines: Sequence[bytes]) -> Iterator[Difference]:
    seen = [found for line in lines if (found := Seen.parse(line))]
    ours = [found for found in seen if found.first == case.hashes.get(1)]
    if len(ours) < len(seen):
        last = [found for found in seen if found not in ours][-1]
        yield Difference(
            f"witness {witness.name!r} saw another ledger, up to record {last.seq} on {last.at}",
            str(case.witnessing.ledger.file),
            f"a first record with the hash {last.first}",
            f"{case.hashes.get(1, 'no record')}",
            _OTHER,
        )
    for found in ours:
        own = case.hashes.get(found.seq)
        if own == found.hash:
            continue
        what = "was rewritten" if own else "is gone"
        yield Difference(
            f"record {found.seq}, which witness {witness.name!r} saw on {found.at}, {what}",
            str(case.witnessing.ledger.file),
            f"hash {found.hash}",
            f"hash {own}" if own else f"a ledger that ends with record {max(case.hashes)}",
            "Restore the ledger from a copy.",
        )
        return
    newest = max((found.seq for found in ours), default=0)
    if case.hashes and newest < max(case.hashes):
        case.proof.notes.append(
            f"Witness {witness.name!r} was not shown the records after {newest} yet; the next run does that."
        )


def _linked(case: Case, witness: Witness, lines: Sequence[bytes]) -> Iterator[Difference]:
    """Check that each line of a witness carries the hash of the one before it."""
    before = GENESIS
    for number, line in enumerate(lines, start=1):
        seen = Seen.parse(line)
        digest = line_digest(line)
        if seen and seen.prev != before:
            yield Difference(
                f"line {number} of witness {witness.name!r} does not follow the line before it",
                witness.place,
                f"after a line with the hash {seen.prev}",
                f"a line with the hash {before}",
                RESTORE,
            )
            return
        if seen is None and number == len(lines):
            yield Difference(
                f"the last line of witness {witness.name!r} cannot be read",
                witness.place,
                "a line of the witness",
                line[:60].decode(errors="replace"),
                RESTORE,
            )
        elif seen is None:
            case.proof.notes.append(f"Line {number} of witness {witness.name!r} was torn by a crash.")
        before = digest


def _remembered(case: Case, witness: Witness, lines: Sequence[bytes]) -> Iterator[Difference]:
    """Check that a witness still has the line that it was given last."""
    note = case.witnessing.notes().get(witness.name)
    if note and note.line not in {line_digest(line) for line in lines}:
        yield Difference(
            f"witness {witness.name!r} has lost, or changed, what it was shown last",
            witness.place,
            f"a line about record {note.seq} with the hash {note.line}",
            f"{len(lines)} other lines" if lines else "nothing",
            RESTORE,
        )
    for body in case.bodies("witness"):
        if body["witness"] == witness.name and body["what"] == "it has lost what it had seen":
            case.proof.notes.append(f"Witness {witness.name!r} lost its lines up to record {body['seq']}.")
