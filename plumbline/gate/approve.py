"""Approvals of restatements: who lets changed past figures be published, and exactly which.

An approval is a record of the ledger. It names a metric and the digest of the changes that were shown when it
was given, so that it covers these, old and new value, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from plumbline.governance.people import Involved
from plumbline.governance.trust import APPROVE, AWAITING, Person, Trust
from plumbline.ledger import Ledger, canonical_digest
from plumbline.ledger.acts import moment, shown, signed_body, why_void

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# What tells one change from another, as texts: the same change is the same in every publication.
CHANGE = (
    "metric",
    "grain",
    "period_start::VARCHAR",
    "dimensions",
    "members",
    "old_value::VARCHAR",
    "new_value::VARCHAR",
)
Change = tuple[str | None, ...]


@dataclass(frozen=True)
class Approval:
    """That somebody approves the changes of a metric that have this digest."""

    metric: str
    digest: str
    reason: str
    by: str
    at: datetime
    seq: int


def read_approvals(ledger: Ledger, trust: Trust) -> list[Approval]:
    """Read the approvals that stand up, oldest first."""
    return [
        Approval(
            (body := record.body)["subject"],
            body["digest"],
            body["reason"],
            shown(trust, body["by"]),
            moment(record),
            record.seq,
        )
        for record in ledger.scan("approval")
        if not why_void(record, trust, APPROVE)
    ]


def approve(
    ledger: Ledger,
    person: Person,
    metric: str,
    changes: Collection[Change],
    *,
    reason: str,
    publication_id: str,
    involved: Iterable[Involved],
    sign: Callable[[bytes], str] | None = None,
) -> None:
    """Record an approval; the caller has made sure that it may be given."""
    body = {
        "subject": metric,
        "publication_id": publication_id,
        "figures": len(changes),
        "digest": digest_of(changes),
        "reason": reason,
        "by": person.email,
        "author": ", ".join(dict.fromkeys(each.who for each in involved)),
    }
    ledger.append("approval", signed_body(body, sign))


def awaiting(con: DuckDBPyConnection, relation: str) -> dict[str, list[Change]]:
    """Read from a table of restatements what waits for an approval, by metric."""
    rows = con.execute(
        f"SELECT {', '.join(CHANGE)} FROM {relation} WHERE state = '{AWAITING}' ORDER BY ALL"
    ).fetchall()
    found: dict[str, list[Change]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


def finders(con: DuckDBPyConnection, relation: str) -> dict[str, list[str]]:
    """Read who started the runs that found what waits, by metric."""
    rows = con.execute(
        f"SELECT DISTINCT metric, restated_by FROM {relation} WHERE state = '{AWAITING}' ORDER BY ALL"
    ).fetchall()
    found: dict[str, list[str]] = {}
    for metric, who in rows:
        found.setdefault(metric, []).append(who)
    return found


def last_good_commit(con: DuckDBPyConnection, schema: str, metrics: Collection[str]) -> str:
    """Give the commit of the code by which figures of some metrics were last good; '' where that is unknown.

    `schema` is that of a generation: it is the oldest publication of which it shows held figures of them, or
    the generation itself.
    """
    import duckdb

    shown = f"SELECT last_good FROM {schema}.indicator_value WHERE list_contains(?, metric)"
    commits = f"SELECT code_commit FROM {schema}.publication"
    try:
        rows = (
            con.execute(
                f"{commits} WHERE publication_id IN ({shown}) ORDER BY generation LIMIT 1", [list(metrics)]
            ).fetchall()
            or con.execute(f"{commits} ORDER BY generation DESC LIMIT 1").fetchall()
        )
    except (duckdb.CatalogException, duckdb.BinderException):
        return ""  # a generation of an older make
    return str(rows[0][0] or "").removesuffix("+") if rows else ""


def approved(
    changes: Mapping[str, Sequence[Change]], approvals: Iterable[Approval]
) -> Iterator[tuple[Change, Approval]]:
    """Give the changes that somebody has approved, each with its approval."""
    given = {(approval.metric, approval.digest): approval for approval in approvals}
    for metric, rows in changes.items():
        if approval := given.get((metric, digest_of(rows))):
            yield from ((row, approval) for row in rows)


def digest_of(changes: Collection[Change]) -> str:
    """Digest changes, in whatever order they come."""
    return canonical_digest(sorted([text or "" for text in row] for row in changes))
