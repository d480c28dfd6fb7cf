"""What was recorded of a figure: in the ledger, by its witnesses, and from publication to publication."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.audit.book import Book, short_commit
from plumbline.audit.explain_calculation import exact
from plumbline.audit.explain_figure import Key, members_of
from plumbline.audit.explain_origin import read_rows
from plumbline.counting import counted
from plumbline.errors import PlumblineError
from plumbline.gate.compare import WITHDRAWN
from plumbline.governance.trust import AWAITING
from plumbline.ledger import Record, Seen, WitnessUnreachable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.project import Home
    from plumbline.serving.reader import Source


@dataclass(frozen=True)
class Line:
    """One record of the ledger that speaks of a figure, and what it says in short."""

    seq: int
    at: str
    kind: str
    hash: str
    what: str


@dataclass(frozen=True)
class WitnessWord:
    """What a witness says of the record of a publication; `agrees` is None when it says nothing."""

    name: str
    place: str
    agrees: bool | None
    what: str


def lines_about(book: Book, metric: str, publication: Record | None, run_id: str) -> Iterator[Line]:
    """Give the records that speak of a figure: its definition, the checks, its publication."""
    last = publication.seq if publication else max(book.hashes, default=0)
    changes = [record for record in book.of("definition") if record.seq <= last]
    own = [record for record in changes if record.body["metric"] == metric]
    for record in own[-1:]:
        yield _line(record, f"definition of {metric} {record.body['change']}")
    for record in book.of("approval"):
        body = record.body
        if body["subject"] == metric and record.seq <= last:
            yield _line(record, f"approved by {body['by']}: {body['reason']}")
    for record in book.of("restatement"):
        told = [each for each in record.body["metrics"] if each["metric"] == metric]
        for each in told if record.seq <= last else ():
            restated = f"{counted(each['figures'], 'figure')} of {metric} restated"
            yield _line(record, f"{restated} in {record.body['publication_id']}: {each['state']}")
    if quality := book.quality(run_id):
        body = quality.body
        found = ", ".join(f"{body[name]} {name}" for name in ("passed", "failed", "skipped", "error"))
        yield _line(quality, f"checks of run {run_id}: {found}")
    if publication:
        yield _line(publication, _published(publication.body))


def _published(body: Mapping[str, Any]) -> str:
    who, code = body["operator"] or "nobody named", short_commit(body["code_commit"] or "") or "not recorded"
    return f"{body['publication_id']} as of {body['as_of']}, by {who}, code {code}"


def _line(record: Record, what: str) -> Line:
    return Line(record.seq, f"{record.at[:19]}Z", record.kind, record.hash, what)


def seen_by(book: Book, publication: Record) -> Iterator[WitnessWord]:
    """Ask each witness for the first head that it saw at or behind the record of a publication."""
    for witness in book.witnessing.witnesses:
        try:
            lines = [seen for line in witness.read() if (seen := Seen.parse(line))]
        except WitnessUnreachable as error:
            yield WitnessWord(witness.name, witness.place, None, f"cannot be asked: {error}")
            continue
        ours = [seen for seen in lines if seen.first == book.hashes.get(1) and seen.seq >= publication.seq]
        if not ours:
            yield WitnessWord(witness.name, witness.place, None, "has not seen this record yet")
            continue
        first = ours[0]
        agrees = book.hashes.get(first.seq) == first.hash
        told = f"saw record {first.seq} on {first.at}" + ("" if agrees else ", with another hash")
        yield WitnessWord(witness.name, witness.place, agrees, told)


@dataclass(frozen=True)
class Past:
    """What one publication said of a figure; `note` says why there is no value, or what was restated."""

    publication_id: str
    published_at: datetime
    as_of: date
    value: Decimal | None
    verdict: str
    on_shelf: bool
    note: str = ""


@dataclass(frozen=True)
class Decided:
    """What somebody decided about a figure, or the gate did: a hold, a waiver, a restatement."""

    kind: str
    what: str
    by: str = ""
    at: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


def history(home: Home, current: Source, book: Book, key: Key) -> Iterator[Past]:
    """Give what every publication said of a figure, oldest first, as far as its generation is there.

    What is gone is told by restatements only.
    """
    restated: dict[str, str] = {}
    for row in restatements(current.connection, key):
        restated[row["publication_id"]] = _restated(row)
    abandoned = book.abandoned()
    for row in read_rows(
        current.connection, "SELECT * FROM warehouse.published.publication ORDER BY generation"
    ):
        name = row["publication_id"]
        if name in abandoned:
            continue
        found, there = _value_in(home, name, key)
        note = "" if there else "its generation was removed"
        if there and found is None:
            note = "no figure"
        yield Past(
            name,
            row["published_at"],
            row["as_of"],
            found["value"] if found else None,
            (found.get("verdict") or "") if found else "",
            there,
            "; ".join(filter(None, (note, restated.get(name, "")))),
        )


def _value_in(home: Home, publication_id: str, key: Key) -> tuple[Mapping[str, Any] | None, bool]:
    """Read a figure of an earlier generation, and tell whether that is still there."""
    import duckdb

    from plumbline.serving.reader import open_publication

    try:
        with open_publication(home, publication_id) as source:
            return key.of(source.connection), True
    except (PlumblineError, duckdb.Error):
        return None, False


def restatements(connection: DuckDBPyConnection, key: Key) -> list[dict[str, Any]]:
    """Read the restatements of just this figure, oldest first."""
    rows = read_rows(
        connection,
        "SELECT * FROM warehouse.published.restatement WHERE metric = ? AND grain = ? AND dimensions = ?"
        " AND period_start IS NOT DISTINCT FROM CAST(? AS DATE) ORDER BY restated_at",
        [key.metric, key.grain, ",".join(key.dimensions), key.start],
    )
    wanted = {item.column: value for item, value in key.members}
    return [row for row in rows if members_of(row["members"]) == wanted]


def _restated(row: Mapping[str, Any]) -> str:
    if row["state"] == WITHDRAWN:
        return f"it was {exact(row['old_value'])}, and is no longer published"
    told = f"restated from {exact(row['old_value'])} to {exact(row['new_value'])}"
    return f"{told} ({row['state']})" if row["state"] != "recorded" else told


def _is_about(hold: Mapping[str, Any], key: Key) -> bool:
    """Tell whether a hold is on the period of a figure; one of an older make is on all periods."""
    first, last = hold.get("period_start"), hold.get("period_end")
    if key.start is None:
        return True
    return not (last and key.start > last) and not (first and key.end and key.end < first)


def decisions(connection: DuckDBPyConnection, key: Key) -> Iterator[Decided]:
    """Give holds, waivers and restatements that touch a figure, as its generation tells them."""
    for row in read_rows(
        connection,
        "SELECT * FROM warehouse.published.hold WHERE metric = ? AND dimensions = ? AND filter = ''",
        [key.metric, ",".join(key.dimensions)],
    ):
        if not _is_about(row, key):
            continue
        more = {name: row[name] for name in ("examples", "todo", "last_good") if row[name]}
        yield Decided(
            row["verdict"], row["reason"], row["owner"], f"{row['held_since']:%Y-%m-%d %H:%M}", more
        )
    for row in read_rows(
        connection,
        "SELECT * FROM warehouse.published.waiver"
        " WHERE metric = ? OR list_contains(string_split(metrics, ', '), ?) ORDER BY waived_at",
        [key.metric, key.metric],
    ):
        what = f"{row['waiver_id']}, {row['state']}, until {row['valid_until']}: {row['reason']}"
        check = {"check": f"{row['table_name']}: {row['expectation']}"}
        yield Decided("waiver", what, row["waived_by"], f"{row['waived_at']:%Y-%m-%d %H:%M}", check)
    for row in restatements(connection, key):
        at = row["approved_at"] or row["restated_at"]
        by = row["approved_by"] or row["restated_by"] or ""
        what = f"{_restated(row)} in {row['publication_id']}, because of {row['cause']}: {row['reason']}"
        if row["state"] == AWAITING:
            what = f"{row['reason']}, in {row['publication_id']}"
        yield Decided("restatement", what, by, f"{at:%Y-%m-%d %H:%M}" if at else "")
