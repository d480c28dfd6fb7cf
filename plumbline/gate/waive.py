"""Waivers: somebody who did not make the change lets a failed check through, for a reason and for a time.

A waiver is a record of the ledger, and so is its end. One that is over, was ended, or does not stand up (its
author may not waive, waived their own, or has not signed where that is asked) lets nothing through.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from plumbline.governance.people import Involved
from plumbline.governance.trust import WAIVE, Person, Trust
from plumbline.ledger import Ledger, Record
from plumbline.ledger.acts import moment, shown, signed_body, why_void
from plumbline.quality import CheckResult

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.gate.decide import Decision

WAIVER_COLUMNS = (
    ("waiver_id", "VARCHAR"),
    ("state", "VARCHAR"),
    ("table_name", "VARCHAR"),
    ("expectation", "VARCHAR"),
    ("metric", "VARCHAR"),
    ("metrics", "VARCHAR"),
    ("reason", "VARCHAR"),
    ("waived_by", "VARCHAR"),
    ("valid_until", "DATE"),
    ("author", "VARCHAR"),
    ("waived_at", "TIMESTAMP"),
    ("ended_at", "TIMESTAMP"),
    ("ended_by", "VARCHAR"),
)
VALID = "valid"


@dataclass(frozen=True)
class Waiver:
    """One waiver: of a check of a table, for one `metric` or ('') for all that it holds back.

    `author` names who had a hand in what failed; `void` says why it does not stand up.
    """

    id: str
    table: str
    expectation: str
    metric: str
    reason: str
    by: str
    until: date
    author: str
    at: datetime
    ended: datetime | None = None
    ended_by: str = ""
    void: str = ""

    def state(self, today: date) -> str:
        """Say whether it counts: `valid`, `ended`, `expired`, or `void: …`."""
        if self.void:
            return f"void: {self.void}"
        if self.ended:
            return "ended"
        return "expired" if today > self.until else VALID

    @property
    def told(self) -> str:
        """Say beside the figure who answers for it."""
        return f"waived by {self.by} until {self.until} ({self.id}): {self.reason}"

    def covers(self, check: CheckResult, metric: str) -> bool:
        """Tell whether it lets this check through for a metric; '' asks for all of them."""
        return (self.table, self.expectation) == (check.table, check.expected) and self.metric in ("", metric)


def read_waivers(ledger: Ledger, trust: Trust) -> list[Waiver]:
    """Read all waivers of a company, oldest first, with what became of them."""
    found: dict[str, Waiver] = {}
    for record in ledger.scan("waiver"):
        body = record.body
        waiver = found.get(body["id"])
        if waiver is None:
            found[body["id"]] = _waiver(record, trust)
        elif not (waiver.ended or why_void(record, trust, WAIVE)):
            found[body["id"]] = replace(waiver, ended=moment(record), ended_by=shown(trust, body["by"]))
    return list(found.values())


def standing(waivers: Iterable[Waiver], today: date) -> list[Waiver]:
    """Give the waivers that count today."""
    return [waiver for waiver in waivers if waiver.state(today) == VALID]


def over(waivers: Iterable[Waiver], today: date) -> list[Waiver]:
    """Give the waivers that counted once, the newest first."""
    return [waiver for waiver in waivers if waiver.state(today) in ("ended", "expired")][::-1]


def waived(
    check: CheckResult, waivers: Iterable[Waiver], metric: str = "", *, over: Iterable[Waiver] = ()
) -> CheckResult:
    """Give the check as one that somebody has waived, where one of the waivers covers it.

    Of one that a waiver let through which is `over`, it says so: what is shown may be of that time.
    """
    if not check.blocks:
        return check
    if found := next((waiver for waiver in waivers if waiver.covers(check, metric)), None):
        return replace(check, waived=found.told)
    if found := next((waiver for waiver in over if waiver.covers(check, metric)), None):
        until = found.ended.date() if found.ended else found.until
        return replace(check, lapsed=f"{found.id} of {found.by} let it through until {until}, and is over")
    return check


def write_waivers(
    con: DuckDBPyConnection, waivers: Collection[Waiver], decision: Decision, today: date
) -> None:
    """Write `gate.waiver`: all waivers, with the metrics that each lets through now."""
    used: dict[str, set[str]] = {}
    for cell, ruling in decision.rulings.items():
        for check in ruling.checks if not ruling.is_held else ():
            used.setdefault(check.waived, set()).add(cell.metric)
    con.execute("CREATE SCHEMA IF NOT EXISTS gate")
    typed = ", ".join(f"{name} {kind}" for name, kind in WAIVER_COLUMNS)
    con.execute(f"CREATE OR REPLACE TABLE gate.waiver ({typed})")
    for waiver in waivers:
        state = waiver.state(today)
        metrics = ", ".join(sorted(used.get(waiver.told, ()))) if state == VALID else ""
        row: list[object] = [waiver.id, state, waiver.table, waiver.expectation, waiver.metric or None]
        row += [metrics or None, waiver.reason, waiver.by, waiver.until, waiver.author or None]
        row += [waiver.at, waiver.ended, waiver.ended_by or None]
        con.execute(f"INSERT INTO gate.waiver VALUES ({', '.join('?' * len(row))})", row)


def new_waiver(
    ledger: Ledger,
    trust: Trust,
    person: Person,
    *,
    table: str,
    expectation: str,
    metric: str,
    reason: str,
    until: date,
    involved: Collection[Involved],
    sign: Callable[[bytes], str] | None = None,
) -> Waiver:
    """Record a waiver; the caller has made sure that it may be given."""
    number = 1 + len({record.body["id"] for record in ledger.scan("waiver")})
    body = {
        "id": f"W{number}",
        "table": table,
        "expectation": expectation,
        "metric": metric,
        "reason": reason,
        "by": person.email,
        "until": until.isoformat(),
        "author": ", ".join(dict.fromkeys(each.who for each in involved)),
    }
    return _waiver(ledger.append("waiver", signed_body(body, sign)), trust)


def end_waiver(
    ledger: Ledger, person: Person, waiver: Waiver, sign: Callable[[bytes], str] | None = None
) -> None:
    """Record the end of a waiver."""
    ledger.append("waiver", signed_body({"id": waiver.id, "what": "ended", "by": person.email}, sign))


def _waiver(record: Record, trust: Trust) -> Waiver:
    body = record.body
    until, at = date.fromisoformat(body["until"]), moment(record)
    void = why_void(record, trust, WAIVE)
    if not void and until > at.date() + timedelta(days=trust.longest_waiver_days):
        void = f"it is longer than {trust.longest_waiver_days} days"
    by = shown(trust, body["by"])
    place = (body["table"], body["expectation"], body["metric"])
    return Waiver(body["id"], *place, body["reason"], by, until, body["author"], at, void=void)
