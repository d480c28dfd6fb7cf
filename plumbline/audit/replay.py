"""Replay: compute a publication again from the extracts that it rests on, and compare all that came out.

Nothing of the company's state is written. A clean home gets exactly the loads that the publication's record
names, each held to its recorded SHA-256; what computes there is the project's code as it is now, of which the
result says how far it is that of then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from plumbline.audit.proof import Difference
from plumbline.audit.recomputed import RECORDED, Compared, attached, compare_marts, compare_tables, put_back
from plumbline.audit.retained import Body, bring_together, cannot_replay, extracts_of
from plumbline.compiler.cache import VERSION
from plumbline.errors import StorageError, UsageError
from plumbline.landing import ReleasedRow
from plumbline.ledger import Ledger, Record
from plumbline.project import Home, Project
from plumbline.publication import Shelf
from plumbline.publication.digests import file_digest
from plumbline.publication.recording import metric_digests
from plumbline.quarantine import recorded_releases
from plumbline.runs import fingerprint

_NAMED = 5
_DAMAGED = "Restore it from a copy; `plumb audit verify` names what differs."


@dataclass(frozen=True)
class Asked:
    """What is to be computed: of which company and day, as which run, with which rows of quarantine."""

    company: str
    as_of: date
    run_id: str
    released: tuple[ReleasedRow, ...]
    threads: int


# Builds the models and computes the figures in a home that has the extracts; gives the commit of its code.
Recompute = Callable[[Project, Home, Asked], str]


@dataclass(frozen=True)
class CodeChange:
    """A part of the code that is not what it was: what was recorded, what is there now."""

    what: str
    recorded: str
    now: str


@dataclass(frozen=True)
class Replay:
    """What came out of a replay."""

    company: str
    publication_id: str
    as_of: date
    threads: int
    commit: str
    extracts: int
    rows: int
    same_files: bool
    code: tuple[CodeChange, ...]
    tables: tuple[Compared, ...]
    recorded: tuple[str, ...] = ()
    seconds: float = 0.0
    kept: str = ""

    @property
    def differences(self) -> list[Difference]:
        """Give the first difference of each table that has one."""
        return [table.difference for table in self.tables if table.difference]

    @property
    def left_out(self) -> int:
        """Count the values that were held back then: they rest on other extracts."""
        return sum(table.left_out for table in self.tables)

    def as_json(self) -> dict[str, Any]:
        """Give it for programs."""
        return {
            **asdict(self),
            "as_of": self.as_of.isoformat(),
            "equal": not self.differences,
            "left_out": self.left_out,
            "differences": [asdict(difference) for difference in self.differences],
        }


def find_publication(ledger: Ledger, shelf: Shelf, asked: str | None) -> Record:
    """Give the record of a publication: 'demo-000012', 'gen-000012', '12', or the current one.

    Raises LedgerError where the chain does not hold, StorageError without any publication, UsageError for one
    that is not recorded.
    """
    records = {record.subject: record for record in ledger.records("publication")}
    if not records:
        raise StorageError(
            "no publication is recorded",
            where=str(ledger.file),
            todo="`plumb run` publishes, and records what it publishes.",
            code="nothing-published",
        )
    wanted = _number(asked) if asked else shelf.current()
    for record in reversed(records.values()):
        if wanted in (None, record.body["generation"]) and not (asked and wanted is None):
            return record
    known = ", ".join([*records][-_NAMED:])
    raise UsageError(
        f"there is no publication {asked!r}", where=str(ledger.file), todo=f"The newest are {known}."
    )


def _number(asked: str) -> int | None:
    """Read the number of a generation at the end of a name."""
    digits = asked.removesuffix(".duckdb").rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else None


def replay(
    project: Project, home: Home, publication: Record, clean: Home, recompute: Recompute, *, threads: int
) -> Replay:
    """Compute a recorded publication again in `clean`, an empty home, and compare.

    Raises StorageError when an extract or the publication's file is missing or damaged.
    """
    began = time.perf_counter()
    body, shelf = publication.body, Shelf(home.published.resolve())
    _require_file(shelf, body)
    ledger = Ledger(home.ledger)
    released = [row for row in recorded_releases(ledger) if row.release in body.get("releases", ())]
    loads = [record.body for record in ledger.records("load") if record.seq < publication.seq]
    extracts = extracts_of(body, loads, {row.load for row in released})
    bring_together(body, extracts, home.landing, clean.landing)
    day = date.fromisoformat(body["as_of"])
    asked = Asked(body["company"], day, body["run_id"], tuple(released), threads)
    commit = recompute(project, clean, asked)
    code = fingerprint(project.root, loads=(), as_of="").code
    same_files = code == body.get("code_sha256")
    return Replay(
        asked.company,
        body["publication_id"],
        asked.as_of,
        threads,
        commit,
        len(extracts),
        sum(extract["rows"] for extract in body["extracts"]),
        same_files,
        tuple(_code_changes(project, clean, body, commit, code)),
        tuple(_compared(project, clean, shelf, body, asked)),
        tuple(table["table"] for table in body["tables"] if table["table"] in RECORDED),
        round(time.perf_counter() - began, 3),
    )


def _require_file(shelf: Shelf, body: Body) -> None:
    """Hold the publication's file to its record: it is what the figures are compared with."""
    path = shelf.root / body["file"]
    if not path.is_file():
        raise cannot_replay(
            body,
            f"Its file {path} is no longer there to be compared with.",
            "Put it back from a copy; the newest generations and those that are needed are kept.",
        )
    if file_digest(path) != body["file_sha256"]:
        raise cannot_replay(body, f"Its file {path} is not what was recorded.", _DAMAGED)
    for part in body["parts"]:
        if not (shelf.root / part["file"]).is_file():
            raise cannot_replay(body, f"Its part {shelf.root / part['file']} is gone.", _DAMAGED)


def _compared(project: Project, clean: Home, shelf: Shelf, body: Body, asked: Asked) -> Iterator[Compared]:
    from plumbline.definitions import load
    from plumbline.warehouse import connect

    definitions = load(clean.semantic_manifest, project.root)
    with connect(clean.warehouse) as con:
        con.execute(f"SET threads = {asked.threads}")
        with attached(con, shelf, body):
            held = put_back(con, definitions, asked.as_of)
            yield from compare_tables(con, body, held)
            yield from compare_marts(con, shelf, body)


def _code_changes(project: Project, clean: Home, body: Body, commit: str, code: str) -> Iterator[CodeChange]:
    """Compare files, commit, lock file, compiler, definitions and the SQL of every metric with the record."""
    lock = project.root / "requirements.lock"
    now = {
        "code_sha256": code,
        "commit": commit,
        "lock_sha256": file_digest(lock) if lock.is_file() else None,
        "compiler": VERSION,
        "definitions_digest": file_digest(clean.semantic_manifest),
    }
    recorded = {**body, "commit": body["code_commit"]}
    for name, found in now.items():
        if recorded.get(name) != found:
            yield CodeChange(name, str(recorded.get(name) or "none"), str(found or "none"))
    yield from _changed_metrics(body, metric_digests(clean.semantic_manifest, clean.compiled))


def _changed_metrics(body: Body, now: Body) -> Iterator[CodeChange]:
    nothing: dict[str, str] = {}
    for metric in sorted(body["metrics"].keys() | now.keys()):
        old, new = body["metrics"].get(metric, nothing), now.get(metric, nothing)
        for what, name in (("definition", "definition_sha256"), ("SQL", "sql_sha256")):
            if old.get(name) != new.get(name):
                yield CodeChange(f"{what} of {metric}", old.get(name, "none"), new.get(name, "none"))
