"""One record of the ledger, and the line that holds it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from plumbline.errors import LedgerError
from plumbline.ledger.canonical import canonical, require_exact

KINDS = (
    "load",
    "definition",
    "quality",
    "hold",
    "release",
    "waiver",
    "publication",
    "restatement",
    "approval",
    "witness",
    "heal",
)
GENESIS = "0" * 64
_SEAL = b"plumbline-ledger-v1\0"
# The members of a canonical record in their order; what is behind the body cannot be part of it.
_LINE = re.compile(
    rb'(?P<begin>\{"at":"(?P<at>[0-9TZ:.-]+)","body":(?P<body>\{.*\}))'
    rb',"hash":"(?P<hash>[0-9a-f]{64})"'
    rb'(?P<end>,"kind":"(?P<kind>[a-z]+)","prev":"(?P<prev>[0-9a-f]{64})","seq":(?P<seq>[1-9][0-9]*)\})',
    re.DOTALL,
)
# What a record is about, by the members of its body that say so.
_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "load": ("system", "table", "load"),
    "definition": ("metric",),
    "quality": ("run_id",),
    "hold": ("table", "expected"),
    "release": ("what", "table"),
    "waiver": ("id",),
    "publication": ("publication_id",),
    "restatement": ("publication_id",),
    "approval": ("subject",),
    "witness": ("witness",),
    "heal": ("what",),
}


@dataclass(frozen=True)
class Record:
    """What was decided or found: number, UTC time, kind, what it says, and the hashes of the chain.

    `text` is the body as it stands in the line; `hash` covers everything else and `prev`.
    """

    seq: int
    at: str
    kind: str
    text: bytes
    prev: str
    hash: str

    @classmethod
    def new(cls, seq: int, kind: str, body: Mapping[str, Any], prev: str) -> Record:
        """Make the record that follows `prev`; TypeError for floats, ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of record; kinds are {', '.join(KINDS)}")
        require_exact(body)
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        record = cls(seq, at, kind, canonical(dict(body)), prev, "")
        return cls(seq, at, kind, record.text, prev, record.digest())

    @classmethod
    def parse(cls, line: bytes) -> Record | None:
        """Read a line (without its end); None when it is no record."""
        found = _LINE.fullmatch(line)
        if not found:
            return None
        at, kind, prev, own = (found[name].decode() for name in ("at", "kind", "prev", "hash"))
        return cls(int(found["seq"]), at, kind, found["body"], prev, own)

    def digest(self) -> str:
        """Compute the hash: SHA-256 over the canonical record without its own hash."""
        return hashlib.sha256(_SEAL + self._begin() + self._end()).hexdigest()

    def _begin(self) -> bytes:
        return b'{"at":"%s","body":%s' % (self.at.encode(), self.text)

    def _end(self) -> bytes:
        return b',"kind":"%s","prev":"%s","seq":%d}' % (self.kind.encode(), self.prev.encode(), self.seq)

    @property
    def line(self) -> bytes:
        """The record in canonical JSON, with its hash."""
        return self._begin() + b',"hash":"%s"' % self.hash.encode() + self._end()

    @property
    def body(self) -> dict[str, Any]:
        """What the record says; LedgerError where that is no JSON, which no hash would cover."""
        try:
            content: dict[str, Any] = json.loads(self.text)
        except ValueError as error:
            raise LedgerError(
                "the ledger is not what it was",
                where=f"record {self.seq}",
                why=f"What it says cannot be read: {error}.",
                todo="`plumb audit verify` names all that differs. Restore the ledger from a copy.",
            ) from error
        return content

    @property
    def is_readable(self) -> bool:
        """Tell whether what it says can be read."""
        try:
            return bool(self.body)
        except LedgerError:
            return False

    @property
    def subject(self) -> str:
        """Name what the record is about: a publication, a metric, a load."""
        if self.kind not in _SUBJECTS:
            return ""
        body = self.body
        return " ".join(str(body[name]) for name in _SUBJECTS[self.kind] if body.get(name) is not None)

    def as_json(self) -> dict[str, Any]:
        """Give the record for programs."""
        return {
            "seq": self.seq,
            "at": self.at,
            "kind": self.kind,
            "subject": self.subject,
            "body": self.body,
            "prev": self.prev,
            "hash": self.hash,
        }
