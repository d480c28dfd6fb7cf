"""Acts of people in the ledger: signed where the company wants that, and whether they stand up when read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from plumbline.governance.people import is_signed_by
from plumbline.governance.trust import Trust
from plumbline.ledger.canonical import canonical
from plumbline.ledger.record import Record


def signed_body(body: dict[str, Any], sign: Callable[[bytes], str] | None) -> dict[str, Any]:
    """Give the body of a record with the signature of whoever acts over all else in it."""
    return {**body, "signature": sign(canonical(body))} if sign else body


def why_void(record: Record, trust: Trust, right: str) -> str:
    """Say why an act does not stand up; '' when it does."""
    if record.digest() != record.hash:
        return "the record is not what was written"
    body = record.body
    person = trust.person(body["by"])
    if person is None or right not in person.may:
        return f"{body['by']} may not {right}"
    if any(person.is_known_as(who) for who in _authors(body)):
        return f"{person.name} had a hand in it"
    signature = str(body.pop("signature", ""))
    if trust.signed and not is_signed_by(person, canonical(body), signature):
        return f"{person.name} has not signed it"
    return ""


def moment(record: Record) -> datetime:
    """Give when a record was made (UTC)."""
    return datetime.fromisoformat(record.at).replace(tzinfo=None, microsecond=0)


def shown(trust: Trust, known_as: str) -> str:
    """Give the name of a person, for whoever reads a figure."""
    person = trust.person(known_as)
    return person.name if person else known_as


def _authors(body: Mapping[str, Any]) -> Iterator[str]:
    return (who.strip() for who in str(body.get("author", "")).split(",") if who.strip())
