"""`plumb quarantine`: refused files and rows set aside, why, since when, and how they come out again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from plumbline.cli.text import Column, pad, render_table
from plumbline.counting import counted
from plumbline.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from plumbline.cli.deciding import Desk
    from plumbline.governance.trust import Person
    from plumbline.project import Home
    from plumbline.quarantine import Group, LandedRow, RefusedFile, Row

_WIDTH = 96
_REASON = 60


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "quarantine",
        help="refused files and rows set aside: list, show, release, export",
        description="Show what was set aside, since when and why, and let it out again. It is read from what "
        "is published; `show` and `export` also read the landed rows.",
    )
    parser.set_defaults(run=lambda options: parser.print_help() or 0)
    commands = parser.add_subparsers(dest="quarantine_command", metavar="COMMAND", title="commands")
    listing = commands.add_parser(
        "list",
        help="refused files, and rows by table and reason",
        description="List the refused files that nothing has replaced, and the rows that are set aside, by "
        "table and reason, with their number, since when, and whose they are to mend.",
        epilog="Example: plumb quarantine list --all",
    )
    listing.add_argument("--all", action="store_true", help="also reasons of which no row is left")
    listing.set_defaults(run=list_all)
    showing = commands.add_parser(
        "show",
        help="one file, or the rows of a table: as they landed, why, and what to do",
        description="Show a refused file by its mark, or rows of a table as they landed: the file, the line, "
        "every column, what the reason means and what to do.",
        epilog="Examples: plumb quarantine show crm.store_traffic; plumb quarantine show crm.store_traffic "
        "--row 12:4",
    )
    showing.set_defaults(run=show)
    releasing = commands.add_parser(
        "release",
        help="use rows that were set aside, or close a refused file",
        description="Record in the ledger, with your name and your reason, that rows of a conflict are the "
        "right ones, or that a refused file is settled. The next run uses the rows. Who may do that stands "
        "in orchestration/trust/<company>.yml.",
        epilog="Examples: plumb quarantine release crm.customer --row 3:17 --because 'The shop says so'; "
        "plumb quarantine release 3fa2c41b77d0 --because 'The clerk sent it twice'",
    )
    releasing.add_argument("--because", required=True, metavar="TEXT", help="why; it stays in the ledger")
    releasing.set_defaults(run=release)
    exporting = commands.add_parser(
        "export",
        help="write rows to a file for those who mend them at the source",
        description="Write rows with all columns as they landed, the file, the line, the reason and what to "
        "do. Texts that a spreadsheet would take for formulas get an apostrophe in CSV and Excel.",
        epilog="Example: plumb quarantine export crm.store_traffic --out traffic.xlsx",
    )
    exporting.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="a .csv, .xlsx or .json; it is replaced"
    )
    exporting.set_defaults(run=export)
    for command in (showing, releasing):
        command.add_argument("what", metavar="WHAT", help="a source table (erp.product), or a file's mark")
    exporting.add_argument("what", nargs="?", default="", metavar="TABLE", help="only this source table")
    for command in (showing, releasing, exporting):
        command.add_argument("--reason", default="", metavar="WORDS", help="only rows whose reason has these")
        command.add_argument(
            "--row", action="append", default=[], metavar="LOAD:ROW", help="only this row; may be repeated"
        )
    for command in (listing, showing, releasing, exporting):
        command.add_argument("--company", default="demo", help="whose quarantine (default: demo)")
    for command in (listing, showing):
        command.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def list_all(options: argparse.Namespace) -> int:
    """Print both parts of quarantine on stdout."""
    from plumbline.quarantine import read_groups, refused_files

    home = _home(options)
    files = refused_files(home)
    groups = [group for group in _read(home, read_groups) or [] if options.all or group.open_rows]
    if options.format == "json":
        _print_json({"files": [asdict(file) for file in files], "rows": [asdict(group) for group in groups]})
        return 0
    print("\n".join(_listed(files, groups, _company(options))))
    return 0


def _listed(files: Sequence[RefusedFile], groups: Sequence[Group], company: str) -> Iterator[str]:
    if files:
        yield "Refused files:"
        columns = [Column(name) for name in ("mark", "for", "file", "since", "age", "reason")]
        yield from render_table(columns, [_file_cells(file) for file in files])
        yield ""
    if groups:
        yield "Rows set aside:"
        names = ("table", "reason", "rows", "since", "age", "newest load", "owner", "state")
        columns = [Column(name, right=name in ("rows", "newest load")) for name in names]
        yield from render_table(columns, [_group_cells(group) for group in groups])
        yield ""
    if files or groups:
        yield f"`plumb quarantine show TABLE{company}` (or a file's mark) tells more, and what to do."
    else:
        yield "Nothing is in quarantine."


def _file_cells(file: RefusedFile) -> tuple[str, ...]:
    place = f"{file.source}:{file.line}" if file.line else file.source
    return file.mark, file.about, place, f"{file.since:%Y-%m-%d}", _age(file.since), _short(file.reason)


def _group_cells(group: Group) -> tuple[str, ...]:
    since = f"{group.first_seen:%Y-%m-%d}" if group.first_seen else ""
    return (
        group.name,
        _short(group.reason),
        f"{group.open_rows:,}",
        since,
        _age(group.first_seen) if group.first_seen else "",
        str(group.newest_load),
        group.owner,
        _state(group),
    )


def _state(group: Group) -> str:
    closed = [
        f"{group.gone:,} gone" if group.gone else "",
        f"{group.released:,} released" if group.released else "",
    ]
    return ", ".join(["open" if group.open_rows else "closed", *filter(None, closed)])


def show(options: argparse.Namespace) -> int:
    """Print one refused file, or the rows of a table by reason with an example, or the rows asked for."""
    home = _home(options)
    if file := _file(home, options.what):
        _print_json(asdict(file)) if options.format == "json" else print(
            "\n".join(_told_file(file, _company(options)))
        )
        return 0
    rows = _rows(home, options)
    shown = rows if options.row else _one_of_each(rows)
    if options.format == "json":
        _print_json([_row_json(home, row) for row in shown])
        return 0
    counts = {kind: sum(row.kind == kind for row in rows) for kind in {row.kind for row in rows}}
    print("\n\n".join("\n".join(_told_row(home, row, counts[row.kind], options)) for row in shown))
    return 0


def _one_of_each(rows: Iterable[Row]) -> list[Row]:
    """Give the newest row of each reason."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row.kind, row)
    return list(found.values())


def _told_file(file: RefusedFile, company: str) -> Iterator[str]:
    place = f"{file.source}, line {file.line}" if file.line else file.source
    lines = {
        "for": file.about,
        "file": place,
        "reason": file.reason,
        "what to do": file.todo,
        "since": f"{file.since:%Y-%m-%d %H:%M} UTC ({_age(file.since)})",
        "kept in": file.kept,
        "closed by": "an extract of that name that is accepted, or, if none will come: plumb quarantine "
        f"release {file.mark} --because …{company}",
    }
    yield from _pairs(lines)


def _told_row(home: Home, row: Row, count: int, options: argparse.Namespace) -> Iterator[str]:
    from plumbline.quarantine import advice_on

    advice = advice_on(row.reason)
    landed, trouble = _landed(home, row)
    more = "" if options.row or count == 1 else f", one of {count:,} with this reason"
    yield f"{row.name} row {row.place}{more}"
    since = f"{row.first_seen:%Y-%m-%d %H:%M} UTC ({_age(row.first_seen)})" if row.first_seen else ""
    yield from _pairs(
        {
            "file": f"{row.source}, line {row.row_number}",
            "key": row.row_key or "it could not be read",
            "reason": row.reason,
            "it means": advice.meaning,
            "what to do": advice.todo,
            "since": since,
            "release": f"plumb quarantine release {row.name} --row {row.place} --because …{_company(options)}"
            if advice.releasable
            else "",
        }
    )
    yield ""
    yield from _columns(home, row, landed) if landed else [f"  {trouble}"]


def _columns(home: Home, row: Row, landed: LandedRow) -> Iterator[str]:
    """Show every column as it landed; of a conflict also the row that is used, where it differs."""
    from plumbline.quarantine.reasons import columns_in, other_row

    place = other_row(row.reason)
    used = _landed(home, row, place)[0] if place else None
    marked = set(columns_in(row.reason))
    headings = ["", "column", "as it landed"] + (["in the row that is used"] if used else [])
    cells = []
    for name, text in landed.values.items():
        differs = used is not None and used.values.get(name) != text
        cell = ["!" if name in marked or differs else "", name, _cell(text)]
        cells.append(cell + ([_cell(used.values.get(name)) if differs else ""] if used else []))
    yield from (f"  {line}" for line in render_table([Column(name) for name in headings], cells))


def _landed(home: Home, row: Row, place: tuple[int, int] | None = None) -> tuple[LandedRow | None, str]:
    from plumbline.errors import StorageError
    from plumbline.quarantine import landed_row

    try:
        return landed_row(home, row, place=place), ""
    except StorageError as error:
        return None, f"{error.what}: {error.why} {error.todo}"


def _row_json(home: Home, row: Row) -> dict[str, Any]:
    from plumbline.quarantine import advice_on

    landed, _ = _landed(home, row)
    advice = advice_on(row.reason)
    told = {"what_to_do": advice.todo, "releasable": advice.releasable}
    return {**asdict(row), **told, "columns": dict(landed.values) if landed else None}


def release(options: argparse.Namespace) -> int:
    """Record the release and say what comes of it."""
    from plumbline.cli.deciding import Desk
    from plumbline.governance.trust import RELEASE

    if not options.because.strip():
        raise UsageError("a reason has words", where="--because", todo="Say why; it stays in the ledger.")
    desk = Desk.of(options.company)
    lines = _released(desk, desk.acting(RELEASE), options)
    desk.show_witnesses()
    print("\n".join(lines))
    return 0


def _released(desk: Desk, person: Person, options: argparse.Namespace) -> list[str]:
    """Record the release of a file or of rows; gives what to say of it."""
    from plumbline.quarantine import release_file, release_rows

    given = {"why": options.because, "sign": desk.signature_of(person)}
    if file := _file(desk.home, options.what):
        record = release_file(desk.ledger, desk.home, person, file, **given)
        return [
            f"{file.source} ({file.about}) is closed by {person.name}: record {record.seq} of the ledger."
        ]
    rows = _rows(desk.home, options)
    record = release_rows(desk.ledger, person, rows, **given)
    many = counted(len(rows), "row")
    return [
        f"{many} of {rows[0].name} released by {person.name}: record {record.seq} of the ledger.",
        f"The next `plumb run{_company(options)}` uses {'it' if len(rows) == 1 else 'them'}.",
    ]


def export(options: argparse.Namespace) -> int:
    """Write the file and say how many rows it has."""
    from plumbline.quarantine import FORMATS, export_rows

    home, kind = _home(options), options.out.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        todo = f"End its name with {', '.join(f'.{name}' for name in FORMATS)}."
        raise UsageError(f"nothing writes {options.out.name!r}", where="--out", todo=todo)
    if not options.out.resolve().parent.is_dir():
        raise UsageError(f"{options.out.parent} is no directory", where="--out")
    count = export_rows(home, _rows(home, options), options.out, kind)
    print(f"{counted(count, 'row')} in {options.out}")
    return 0


def _company(options: argparse.Namespace) -> str:
    """Give what a command needs so that it is about the same company."""
    return "" if options.company == "demo" else f" --company {options.company}"


def _home(options: argparse.Namespace) -> Home:
    from plumbline.cli.company import home_of

    return home_of(options.company)


def _read(home: Home, ask: Any, **given: Any) -> Any:
    """Ask the published file; None when nothing is published yet."""
    from plumbline.warehouse import connect

    if not home.current.exists():
        return None
    with connect(home.current.resolve(), read_only=True) as con:
        return ask(con, **given)


def _file(home: Home, what: str) -> RefusedFile | None:
    from plumbline.quarantine import refused_files

    found = [file for file in refused_files(home) if len(what) >= 6 and file.mark.startswith(what)]
    return found[0] if found else None


def _rows(home: Home, options: argparse.Namespace) -> list[Row]:
    """Give the rows asked for, at least one."""
    from plumbline.quarantine import read_groups, read_rows

    places = [_place(text) for text in options.row]
    rows = _read(home, read_rows, table=options.what, reason=options.reason, places=places) or []
    if rows:
        found: list[Row] = rows
        return found
    known = list(dict.fromkeys(group.name for group in _read(home, read_groups) or [] if group.open_rows))
    if options.what in known or not options.what:
        raise UsageError(
            "no row that was asked for is in quarantine",
            where=options.what,
            todo="`plumb quarantine list` tells what is.",
            code="not-in-quarantine",
        )
    raise UsageError(
        f"nothing of {options.what!r} is in quarantine",
        todo=did_you_mean(options.what, known) or "`plumb quarantine list` tells what is.",
        code="not-in-quarantine",
    )


def _place(text: str) -> tuple[int, int]:
    load, mark, row = text.partition(":")
    if not (mark and load.isdecimal() and row.isdecimal()):
        raise UsageError(f"{text!r} names no row", where="--row", todo="Write LOAD:ROW, as `show` tells it.")
    return int(load), int(row)


def _pairs(lines: Mapping[str, str]) -> Iterator[str]:
    told = {name: text for name, text in lines.items() if text}
    width = max(map(len, told))
    for name, text in told.items():
        first, *others = wrap(text, _WIDTH - width, break_long_words=False, break_on_hyphens=False)
        yield f"  {pad(name, width)}  {first}"
        yield from (f"  {pad('', width)}  {line}" for line in others)


def _cell(text: str | None) -> str:
    return "(empty)" if text is None else " ".join(text.split()) if text.strip() else repr(text)


def _short(text: str) -> str:
    return text if len(text) <= _REASON else f"{text[: _REASON - 1]}…"


def _age(since: datetime) -> str:
    days = (datetime.now(UTC).replace(tzinfo=None) - since).days
    return "today" if days <= 0 else counted(days, "day")


def _print_json(content: object) -> None:
    print(json.dumps(content, ensure_ascii=False, indent=2, default=str))
