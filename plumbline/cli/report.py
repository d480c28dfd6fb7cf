"""`plumb audit report`: what happened in a period of time, from the ledger."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.cli.text import Column, display_width, render_table

if TYPE_CHECKING:
    from plumbline.audit.report import Report, Section

_DAMAGED = 6
_SHOWN, _WIDEST = 12, 40
# Told by the other formats only: a line of text has no room for it.
_LEFT_OUT = ("newest", "named", "reason", "author", "cause")
_EPILOG = """\
Examples:
  plumb audit report --from 2026-Q3 --to 2026-Q3
  plumb audit report --from 2026-10-01 --format html --output quarter.html

Days are those of the records (UTC), both ends included. Text shows the first
rows of each section, the other formats all. CSV has one table below the other,
each under its name.

Exit codes: 0 reported; 1 there is no ledger; 6 the chain of the ledger does not
hold, and the report says where.
"""


def register(commands: Any) -> None:
    """Add the command to the group."""
    parser = commands.add_parser(
        "report",
        help="tell what happened in a period: publications, holds, waivers, restatements, checks, loads",
        description="Tell from the ledger what happened in a period of time.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", dest="start", metavar="DATE", help="2026-07-01, 2026-07, 2026-Q3 or 2026")
    parser.add_argument(
        "--to", dest="end", metavar="DATE", help="the last day, month, quarter or year, included"
    )
    parser.add_argument(
        "--format", choices=("text", "json", "html", "csv"), default="text", help="default: text"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to a file (default: stdout)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the report, or write it to a file; exit code 6 when the ledger does not hold."""
    from plumbline.audit.report import report
    from plumbline.cli.audit import opened
    from plumbline.cli.explain import write_out
    from plumbline.serving.periods import read_period

    home, witnessing = opened(options)
    found = report(home, witnessing, options.company, read_period(options.start, options.end))
    write_out(_rendered(found, options.format), options.output)
    return _DAMAGED if found.broken else 0


def _rendered(found: Report, form: str) -> str:
    if form == "json":
        return json.dumps(found.as_json(), ensure_ascii=False, indent=2) + "\n"
    if form == "html":
        from plumbline.audit.report_page import render_report

        return render_report(found)
    return as_csv(found) if form == "csv" else "\n".join(tell(found)) + "\n"


def as_csv(found: Report) -> str:
    """Write the sections below one another, each under its name and with its headings."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for section in found.sections:
        writer.writerow([section.key])
        writer.writerow([heading.key for heading in section.headings])
        writer.writerows(section.rows)
        writer.writerow([])
    return out.getvalue()


def tell(found: Report) -> Iterator[str]:
    """Write the report for reading."""
    yield f"Audit report of {found.company}, {found.start or 'the beginning'} to {found.end or 'now'}"
    yield (
        f"The ledger does not hold: {found.broken}"
        if found.broken
        else "The chain of the ledger is unbroken."
    )
    for section in found.sections:
        yield ""
        yield from _section(section)
    if found.notes:
        yield ""
    yield from (f"Note: {note}" for note in found.notes)


def _section(section: Section) -> Iterator[str]:
    if not section.rows:
        yield f"{section.title}: none"
        return
    yield f"{section.title}: {len(section.rows)}"
    shown = [index for index, each in enumerate(section.headings) if each.key not in _LEFT_OUT]
    columns = [Column(section.headings[index].name, section.headings[index].number) for index in shown]
    rows = [[_cut(row[index]) for index in shown] for row in section.rows[:_SHOWN]]
    yield from (f"  {line}" for line in render_table(columns, rows))
    if len(section.rows) > _SHOWN:
        yield f"  … {len(section.rows) - _SHOWN} more: --format csv, json or html"


def _cut(cell: str | int | None) -> str:
    text = f"{cell:,}" if isinstance(cell, int) else cell or ""
    return text if display_width(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
