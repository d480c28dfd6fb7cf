"""`plumb audit explain`: one published figure, from its value back to the files that it was made of."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.errors import StorageError, UsageError

if TYPE_CHECKING:
    from plumbline.audit.explain import Explanation

_DAMAGED = 6
_EPILOG = """\
Examples:
  plumb audit explain gross_margin_rate
  plumb audit explain 净销售额 --period 2026-Q3
  plumb audit explain net_sales --period 2026-10 --by product__category=Bikes
  plumb audit explain net_sales --period 2026-10 --format html --output net_sales.html

A period is a day (2026-10-05), a month (2026-10), a quarter (2026-Q3), a year
(2026), or `all` for figures of all time. With --grain a day stands for the
longer period that it lies in. A member without a name is (none).

Exit codes: 0 explained, and all that was checked holds; 1 nothing published, or
the generation is gone; 2 there is no such figure; 6 something is not as it was
recorded or does not come out again: the section "Proof" names it.
"""


def register(commands: Any) -> None:
    """Add the command to the group."""
    parser = commands.add_parser(
        "explain",
        help="take one published figure apart: value, definition, SQL, lineage, extracts, checks, history",
        description="Tell everything about one published figure, compute it again from the marts that it was "
        "made of, and hold it to the ledger. The metric may be given by name, label or synonym, in English "
        "or Chinese.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("metric", metavar="METRIC", help="name, label or synonym")
    parser.add_argument(
        "--period",
        default="",
        help="2026-10-05, 2026-10, 2026-Q3, 2026 or all (default: the last whole month)",
    )
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="DIMENSION=MEMBER",
        help="the member of a breakdown; repeat it for each dimension",
    )
    parser.add_argument("--grain", default="", help="the period of this length that --period lies in")
    parser.add_argument(
        "--publication", default="", metavar="ID", help="an earlier publication (default: the newest)"
    )
    parser.add_argument("--full", action="store_true", help="text: all extracts, checks, tables and SQL")
    parser.add_argument("--format", choices=("text", "json", "html"), default="text", help="default: text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to a file (default: stdout)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the explanation, or write it to a file; exit code 6 when something does not hold."""
    from plumbline.audit.explain import explain
    from plumbline.audit.explain_figure import Asked
    from plumbline.cli.audit import opened, project_or_none

    home, witnessing = opened(options)
    asked = Asked(options.metric, options.period, tuple(map(_member, options.by)), options.grain)
    explanation = explain(
        home,
        witnessing,
        options.company,
        asked,
        publication=options.publication,
        project=project_or_none(),
    )
    write_out(_rendered(explanation, options), options.output)
    return 0 if explanation.is_proven else _DAMAGED


def _rendered(explanation: Explanation, options: argparse.Namespace) -> str:
    if options.format == "json":
        return json.dumps(explanation.as_json(), ensure_ascii=False, indent=2) + "\n"
    if options.format == "html":
        from plumbline.audit.explain_page import render_page

        return render_page(explanation)
    from plumbline.cli.explained import tell

    return "\n".join(tell(explanation, full=options.full)) + "\n"


def write_out(text: str, path: Path | None) -> None:
    """Write to a file, and say so on stderr, or to stdout."""
    if path is None:
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            "the output cannot be written",
            where=str(path),
            why=error.strerror or str(error),
            todo="Name a file in a directory that is there.",
            code="cannot-write",
        ) from None
    print(f"written: {path}", file=sys.stderr)


def _member(text: str) -> tuple[str, str]:
    name, sign, member = text.partition("=")
    if not (name.strip() and sign):
        raise UsageError(
            f"{text!r} names no member",
            where="--by",
            todo="Write --by DIMENSION=MEMBER, as --by product__category=Bikes.",
            code="no-member",
        )
    return name.strip(), member.strip()
