"""Decisions about what is in quarantine, recorded in the ledger: who, why, and which rows or which file.

A row is released by its content: wherever the same row lands again, the decision holds. Staging reads the
decisions from `landing_run.released_rows`; see `plumbline.landing.register`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from plumbline.errors import UsageError
from plumbline.landing import ReleasedRow, open_refusals
from plumbline.landing.quarantine import mark_of, release_refusal
from plumbline.ledger import Ledger, Record
from plumbline.project import Home
from plumbline.quarantine.holdings import RefusedFile, Row
from plumbline.quarantine.reasons import advice_on

_ROWS, _FILE = "rows", "file"


def release_rows(ledger: Ledger, rows: Sequence[Row], *, by: str, why: str) -> Record:
    """Record that the owner wants rows of one table used; the next run uses them.

    Raises UsageError where a row cannot be released, or where two of them contradict each other.
    """
    _require_releasable(rows)
    return ledger.append(
        "release",
        {
            "what": _ROWS,
            "table": rows[0].name,
            "rows": [
                {"load": row.load, "row": row.row_number, "key": row.row_key, "reason": row.reason}
                for row in rows
            ],
            "reason": why,
            "by": by,
        },
    )


def release_file(ledger: Ledger, home: Home, file: RefusedFile, *, by: str, why: str) -> Record:
    """Close the notes of a refused file, and record it; the file itself stays in quarantine."""
    record = ledger.append(
        "release",
        {
            "what": _FILE,
            "table": file.about,
            "source": file.source,
            "sha256": file.mark,
            "refused": file.reason,
            "reason": why,
            "by": by,
        },
    )
    for refusal in open_refusals(home, file.system):
        if mark_of(Path(refusal.note)) == file.mark and refusal.reason == file.reason:
            release_refusal(Path(refusal.note), by=by, why=why)
    return record


def released_rows(ledger: Ledger) -> list[ReleasedRow]:
    """Give all rows that were ever released, oldest decision first: a later one on the same key wins."""
    return [
        ReleasedRow(system, table, row["load"], row["row"], row["key"], record.seq)
        for record in ledger.scan("release")
        if record.body.get("what") == _ROWS
        for system, _, table in [record.body["table"].partition(".")]
        for row in record.body["rows"]
    ]


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
