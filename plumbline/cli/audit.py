"""`plumb audit`: hold what was published to what was recorded, and read the record."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.cli.parser import counting_number

if TYPE_CHECKING:
    from plumbline.audit import Difference, Proof
    from plumbline.ledger import Record, Witnessing
    from plumbline.project import Home, Project

_DAMAGED = 6
_COUNTED = (
    "records",
    "witness lines",
    "generations",
    "tables",
    "values",
    "mart parts",
    "definitions",
    "compiled metrics",
    "extracts",
    "quality results",
    "reports",
)
_MORE = 10


def register(subparsers: Any) -> None:
    """Add the group and its commands to the parser."""
    group = subparsers.add_parser(
        "audit",
        help="prove what was published: verify the ledger and all that it binds, or read it",
        description="The ledger records what was landed, certified, checked and published, each record bound "
        "to the one before it.",
    )
    commands = group.add_subparsers(dest="audit", metavar="COMMAND", title="commands", required=True)
    verifying = commands.add_parser(
        "verify",
        help="check ledger, witness, published values, definitions, extracts and quality evidence",
        description="Check that everything published is what was recorded: the chain of records, what the "
        "witness saw of it, generations and their values, definitions and their SQL, extracts, quality "
        "results and reports. Needs no warehouse, and no network but for a witness that is elsewhere.",
        epilog="Exit codes: 0 everything is as recorded; 6 something differs, the first difference is named; "
        "1 there is no ledger.",
    )
    verifying.add_argument(
        "--witness", type=Path, metavar="FILE", help="what a witness holds, in place of those settled on"
    )
    verifying.add_argument(
        "--no-witness", action="store_true", help="without the witness: it cannot be reached from here"
    )
    verifying.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    verifying.set_defaults(run=verify)
    logging = commands.add_parser(
        "log",
        help="show the records of the ledger",
        description="Show what was recorded, oldest first. The chain is checked as far as it is read.",
        epilog="Examples: plumb audit log --last 5; plumb audit log --kind publication --format json",
    )
    logging.add_argument("--kind", help="only records of this kind, as publication or load")
    logging.add_argument("--last", type=counting_number, metavar="N", help="only the newest N")
    logging.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    logging.set_defaults(run=log)
    from plumbline.cli import explain, replay, report

    explain.register(commands)
    replay.register(commands)
    report.register(commands)
    for parser in commands.choices.values():
        parser.add_argument("--company", default="demo", help="whose ledger (default: demo)")
        parser.add_argument(
            "--home", type=Path, metavar="DIR", help="a copy of the company's state, in another place"
        )


def verify(options: argparse.Namespace) -> int:
    """Print what was checked and what differs; exit code 6 when anything does."""
    from plumbline.audit import verify as verify_all

    home, witnessing = opened(options)
    proof = verify_all(home, _chosen(witnessing, options), options.company)
    if options.format == "json":
        print(json.dumps(proof.as_json(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(_told(proof)))
    return 0 if proof.is_whole else _DAMAGED


def _chosen(witnessing: Witnessing, options: argparse.Namespace) -> Witnessing:
    """Take the witness that was given, or none, in place of those that the company has settled on."""
    from plumbline.errors import UsageError
    from plumbline.ledger import FileWitness, Witnessing

    if options.no_witness:
        return Witnessing(witnessing.ledger)
    if options.witness is None:
        return witnessing
    if not options.witness.is_file():
        raise UsageError("there is no such file", where=f"--witness {options.witness}")
    return Witnessing(witnessing.ledger, (FileWitness("given", options.witness),))


def log(options: argparse.Namespace) -> int:
    """Print records on stdout."""
    from collections import deque

    from plumbline.errors import UsageError, did_you_mean
    from plumbline.ledger import KINDS

    if options.kind is not None and options.kind not in KINDS:
        todo = did_you_mean(options.kind, list(KINDS)) or f"Kinds are {', '.join(KINDS)}."
        raise UsageError(f"{options.kind!r} is no kind of record", where="--kind", todo=todo)
    _, witnessing = opened(options)
    found: Iterable[Record] = witnessing.ledger.records(options.kind)
    if options.last is not None:
        found = deque(found, maxlen=options.last)
    if options.format == "json":
        print(json.dumps([record.as_json() for record in found], ensure_ascii=False, indent=2))
    else:
        print("\n".join(_table(found, options.kind)))
    return 0


def opened(options: argparse.Namespace) -> tuple[Home, Witnessing]:
    """Open the ledger of a company, or of a copy of its state; a copy may be where there is no project."""
    from plumbline.errors import ConfigurationError
    from plumbline.governance.trust import Trust, load_trust
    from plumbline.ledger import witnessed_ledger
    from plumbline.project import Project

    home = home_in(options)
    try:
        trust = load_trust(Project.find(), options.company)
    except ConfigurationError as error:
        if error.code != "no-project" or not options.home:
            raise
        trust = Trust(options.company)
    return home, witnessed_ledger(home, trust)


def home_in(options: argparse.Namespace) -> Home:
    """Give the state of a company, or the copy of it that was named; UsageError where there is none."""
    from plumbline.cli.company import home_of
    from plumbline.errors import UsageError
    from plumbline.project import Home

    if options.home is None:
        return home_of(options.company)
    if not options.home.is_dir():
        raise UsageError("there is no such directory", where=f"--home {options.home}")
    return Home(options.home.resolve())


def project_or_none() -> Project | None:
    """Find the project; None where there is none, as beside a copy of a company's state."""
    from plumbline.errors import ConfigurationError
    from plumbline.project import Project

    try:
        return Project.find()
    except ConfigurationError:
        return None


def _told(proof: Proof) -> Iterator[str]:
    if proof.is_whole:
        yield f"Everything that {proof.company} has published is as it was recorded."
    else:
        first, *others = proof.differences
        yield f"Not as recorded: {len(proof.differences)} difference{'s' * bool(others)}. The first:"
        yield from (f"  {line}" for line in _difference(first))
        yield from (f"Also: {other.what} ({other.where})" for other in others[:_MORE])
        if len(others) > _MORE:
            yield f"and {len(others) - _MORE} more; --format json has them all"
    counts = [f"{proof.checked[name]:,} {name}" for name in _COUNTED if proof.checked[name]]
    yield f"Checked: {', '.join(counts)}; in {proof.seconds:.1f} s"
    yield from (f"Note: {note}" for note in dict.fromkeys(proof.notes))


def _difference(difference: Difference) -> Iterator[str]:
    yield f"{difference.what[:1].upper()}{difference.what[1:]}."
    for name in ("where", "expected", "found", "todo"):
        text = getattr(difference, name)
        if text:
            yield f"  {'what to do' if name == 'todo' else name}: {text}"


def _table(records: Iterable[Record], kind: str | None) -> Iterable[str]:
    from plumbline.cli.text import Column, render_table

    columns = [Column("record", right=True), Column("at"), Column("kind"), Column("about"), Column("hash")]
    rows = [
        (str(record.seq), f"{record.at[:19]}Z", record.kind, record.subject, record.hash[:12])
        for record in records
    ]
    return render_table(columns, rows) if rows else [f"no {kind or 'record'} is recorded"]
