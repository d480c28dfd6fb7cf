"""Decisions about what is in quarantine, recorded in the ledger: who, why, and which rows or which file.

A row is released by its content: wherever the same row lands again, the decision holds, as long as whoever
made it may. Staging reads the decisions from `landing_run.released_rows`; see `plumbline.landing.register`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from plumbline.errors import UsageError
from plumbline.governance.trust import RELEASE, Person, Trust
from plumbline.landing import ReleasedRow, open_refusals
from plumbline.landing.quarantine import mark_of, release_refusal
from plumbline.ledger import Ledger, Record
from plumbline.ledger.acts import signed_body, why_void
from plumbline.project import Home
from plumbline.quarantine.holdings import RefusedFile, Row
from plumbline.quarantine.reasons import advice_on

_ROWS, _FILE = "rows", "file"
Sign = Callable[[bytes], str]


def release_rows(
    ledger: Ledger, person: Person, rows: Sequence[Row], *, why: str, sign: Sign | None = None
) -> Record:
    """Record that somebody who may wants rows of one table used; the next run uses them.

    Raises UsageError where a row cannot be released, or where two of them contradict each other.
    """
    _require_releasable(rows)
    body = {
        "what": _ROWS,
        "table": rows[0].name,
        "rows": [
            {"load": row.load, "row": row.row_number, "key": row.row_key, "reason": row.reason}
            for row in rows
        ],
        "reason": why,
        "by": person.email,
    }
    return ledger.append("release", signed_body(body, sign))


def release_file(
    ledger: Ledger, home: Home, person: Person, file: RefusedFile, *, why: str, sign: Sign | None = None
) -> Record:
    """Close the notes of a refused file, and record it; the file itself stays in quarantine."""
    body = {
        "what": _FILE,
        "table": file.about,
        "source": file.source,
        "sha256": file.mark,
        "refused": file.reason,
        "reason": why,
        "by": person.email,
    }
    record = ledger.append("release", signed_body(body, sign))
    for refusal in open_refusals(home, file.system):
        if mark_of(Path(refusal.note)) == file.mark and refusal.reason == file.reason:
            release_refusal(Path(refusal.note), by=person.email, why=why)
    return record


def released_rows(ledger: Ledger, trust: Trust) -> list[ReleasedRow]:
    """Give the rows whose release stands up, oldest decision first: a later one on the same key wins."""
    return [
        row
        for record in _records_of_rows(ledger)
        if not why_void(record, trust, RELEASE)
        for row in _rows_of(record)
    ]


def recorded_releases(ledger: Ledger) -> list[ReleasedRow]:
    """Give all rows that were ever released, whether or not that stands up today."""
    return [row for record in _records_of_rows(ledger) for row in _rows_of(record)]


def _records_of_rows(ledger: Ledger) -> Iterator[Record]:
    return (record for record in ledger.scan("release") if record.body.get("what") == _ROWS)


def _rows_of(record: Record) -> Iterator[ReleasedRow]:
    body = record.body
    system, _, table = body["table"].partition(".")
    for row in body["rows"]:
        yield ReleasedRow(system, table, row["load"], row["row"], row["key"], record.seq)


def _require_releasable(rows: Sequence[Row]) -> None:
    if len({row.name for row in rows}) != 1:
        raise UsageError("the rows of one table are released at a time", where="release")
    for row in rows:
        advice = advice_on(row.reason)
        if not advice.releasable:
            raise UsageError(
                f"row {row.place} cannot be released",
                where=row.name,
                why=f"{row.reason}.",
                todo=advice.todo,
                code="not-releasable",
            )
    for key, same in _by_key(rows).items():
        if len(same) > 1:
            places = ", ".join(row.place for row in same)
            raise UsageError(
                f"only one row of the key {key} can be used",
                where=rows[0].name,
                why=f"Rows {places} have the same key and say different things.",
                todo=f"Choose one: --row {same[0].place}",
                code="not-releasable",
            )


def _by_key(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.row_key, []).append(row)
    return found
