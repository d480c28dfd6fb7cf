"""Showing the head of the ledger to its witnesses, and finding out what they have missed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plumbline.errors import LedgerError
from plumbline.ledger.chain import Ledger
from plumbline.ledger.record import GENESIS, Record
from plumbline.ledger.witness import Seen, Witness, WitnessUnreachable, digest_of_last, line_digest
from plumbline.replacing import replace_text


@dataclass(frozen=True)
class Note:
    """What this side remembers of a witness: the head that it was shown last, and the hash of its line."""

    seq: int
    hash: str
    line: str


@dataclass(frozen=True)
class Witnessing:
    """A ledger and its witnesses."""

    ledger: Ledger
    witnesses: tuple[Witness, ...] = ()

    def catch_up(self) -> list[str]:
        """Show what earlier runs could not, with a `witness` record that says so; gives what went wrong.

        A witness whose note says that it has seen the head is not asked. Raises LedgerError when a witness
        has seen records of this ledger that are not in it.
        """
        head, missed, troubles = self.ledger.head, [], {}
        for witness in self.witnesses:
            if head and self.has_seen_all(witness):
                continue
            try:
                missed.append(self._missed_by(witness, head))
            except WitnessUnreachable as error:
                troubles[witness.name] = _unreached(witness, error)
        self.ledger.append_all([("witness", body) for body in missed if body])
        others = tuple(witness for witness in self.witnesses if witness.name not in troubles)
        return [*troubles.values(), *Witnessing(self.ledger, others).show(strict=False)]

    def show(self, *, strict: bool = True) -> list[str]:
        """Show the head to every witness; gives what went wrong with those that are not required.

        Raises LedgerError for a required witness that cannot be told (if `strict`), and as `catch_up`.
        """
        head, troubles = self.ledger.head, []
        for witness in self.witnesses if head else ():
            assert head
            if self.has_seen_all(witness):
                continue
            try:
                self._show(witness, head)
            except WitnessUnreachable as error:
                if witness.required and strict:
                    raise _required(witness, error) from error
                troubles.append(_unreached(witness, error))
        return troubles

    def has_seen_all(self, witness: Witness) -> bool:
        """Tell whether a witness was shown the head, as far as this side remembers."""
        head = self.ledger.head
        note = self.notes().get(witness.name)
        return head is None or bool(note and (note.seq, note.hash) == (head.seq, head.hash))

    def notes(self) -> dict[str, Note]:
        """Read what this side remembers of its witnesses."""
        try:
            content = json.loads((self.ledger.directory / "witnessed.json").read_bytes())
            return {name: Note(**note) for name, note in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _missed_by(self, witness: Witness, head: Record | None) -> Mapping[str, Any] | None:
        lines = witness.read()
        seen = self._last_of_ours(witness, lines)
        if head and seen and (seen.seq, seen.hash) == (head.seq, head.hash):
            self._note(witness, head, lines[-1])
            return None
        return _missed(witness, lines, self.notes().get(witness.name), seen, head)

    def _show(self, witness: Witness, head: Record) -> None:
        first = self._first()

        def make(lines: Sequence[bytes]) -> bytes:
            self._last_of_ours(witness, lines)
            return Seen.now(head.seq, head.hash, first, digest_of_last(lines)).line

        self._note(witness, head, witness.add(make))

    def _first(self) -> str:
        record = self.ledger.at(1)
        return record.hash if record else GENESIS

    def _last_of_ours(self, witness: Witness, lines: Sequence[bytes]) -> Seen | None:
        """Find the newest line of this ledger; LedgerError when it tells of another record than ours."""
        first = self._first()
        found = [seen for line in lines if (seen := Seen.parse(line)) and seen.first == first]
        if not found:
            return None
        last = found[-1]
        ours = self.ledger.at(last.seq)
        if ours is None or ours.hash != last.hash:
            raise _contradiction(self.ledger, witness, last, ours)
        return last

    def _note(self, witness: Witness, head: Record, line: bytes) -> None:
        note = {"seq": head.seq, "hash": head.hash, "line": line_digest(line)}
        notes = {**{name: vars(known) for name, known in self.notes().items()}, witness.name: note}
        replace_text(self.ledger.directory / "witnessed.json", json.dumps(notes, indent=1) + "\n")


def _missed(
    witness: Witness,
    lines: Sequence[bytes],
    note: Note | None,
    seen: Seen | None,
    head: Record | None,
) -> Mapping[str, Any] | None:
    """Say what a witness has not been shown: nothing to say when all is new."""
    told: dict[str, Any] = {"witness": witness.name, "place": witness.place}
    others = [other for line in lines if (other := Seen.parse(line))]
    if note and note.line not in {line_digest(line) for line in lines}:
        return {**told, "what": "it has lost what it had seen", "seq": note.seq, "hash": note.hash}
    if others and seen is None:
        last = others[-1]
        return {**told, "what": "it has seen another ledger", "seq": last.seq, "hash": last.hash}
    if head is None or (seen and seen.seq >= head.seq):
        return None
    return {**told, "what": "it was not shown", "from": seen.seq + 1 if seen else 1, "to": head.seq}


def _unreached(witness: Witness, error: WitnessUnreachable) -> str:
    return (
        f"witness {witness.name!r} ({witness.place}) could not be told: {error}. The next run tells it what "
        "it has missed."
    )


def _required(witness: Witness, error: WitnessUnreachable) -> LedgerError:
    return LedgerError(
        f"witness {witness.name!r} cannot be told",
        where=witness.place,
        why=f"{error}. It is required: without it nothing is published.",
        todo="Reach it, or take `required` from orchestration/trust/, and run again.",
        code="witness-unreachable",
    )


def _contradiction(ledger: Ledger, witness: Witness, seen: Seen, ours: Record | None) -> LedgerError:
    is_other = f"record {seen.seq} here has the hash {ours.hash[:12]}…" if ours else ""
    gone = f"the ledger ends with record {ledger.head.seq if ledger.head else 0}"
    return LedgerError(
        "the ledger is not the one that its witness saw",
        where=str(ledger.file),
        why=f"Witness {witness.name!r} ({witness.place}) saw record {seen.seq} with the hash "
        f"{seen.hash[:12]}… on {seen.at}; {is_other or gone}.",
        todo="Restore the ledger from a copy. `plumb audit verify` names all that differs.",
        code="witness-contradicts",
    )
