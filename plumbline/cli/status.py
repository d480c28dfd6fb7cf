"""`plumb status`: what is published, how the last runs went, and what needs a hand."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from plumbline.cli.company import home_of
from plumbline.cli.holds import Held, read_holds, tell_holds
from plumbline.cli.text import Column, render_table
from plumbline.cli.waiting import Waiting, read_waiting, tell_waiting
from plumbline.project import Home

_SHOWN = 10
_ENDS = {
    "stopped": "by Ctrl-C, or from outside; the next run makes it good",
    "died": "its process was killed, or crashed; the next run makes it good",
}


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "status",
        help="what is published, and how the last runs went",
        description="Show the published generation of a company, the figures that are held back, the refused "
        "extracts that nothing has replaced yet, and the last runs.",
    )
    parser.add_argument("--company", default="demo", help="a file in orchestration/sources/ (default: demo)")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the status; exit code 0 also when nothing was published yet."""
    from plumbline.landing import open_refusals
    from plumbline.runs import read_runs

    home = home_of(options.company)
    holds, waiting = read_holds(home), read_waiting(home)
    runs = read_runs(home.runs, home.lock, _SHOWN)
    refusals = [asdict(refusal) for refusal in open_refusals(home)]
    if options.format == "json":
        held, restated = ([asdict(each) for each in several] for several in (holds, waiting))
        now = {"current": _current(home), "holds": held, "restatements": restated}
        content = {**now, "refusals": refusals, "runs": runs}
        print(json.dumps(content, ensure_ascii=False, indent=2, default=str))
    else:
        print("\n".join(_lines(home, runs, refusals, holds, waiting)))
    return 0


def _current(home: Home) -> str:
    return os.readlink(home.current) if home.current.is_symlink() else ""


def _lines(
    home: Home,
    runs: list[dict[str, Any]],
    refusals: list[dict[str, Any]],
    holds: Sequence[Held],
    waiting: Sequence[Waiting],
) -> Iterable[str]:
    from plumbline.cli.summary import tell_refusals

    current = _current(home)
    nothing = f"Nothing is published yet: `plumb run --company {home.root.name}`."
    yield f"Published: {current} in {home.published}" if current else nothing
    if holds:
        yield ""
        yield from list(tell_holds(holds))[:-1]
    if waiting:
        yield ""
        yield from list(tell_waiting(waiting, home.root.name))[:-1]
    if refusals:
        yield ""
        yield "Attention:"
        yield from (f"  {line}" for line in tell_refusals(refusals, home.root.name))
    if not runs:
        return
    if trouble := runs[0].get("postgres", {}).get("error"):
        yield ""
        yield f"PostgreSQL was behind after the last run: {trouble.splitlines()[0]}"
        yield f"  `plumb push --company {home.root.name}` brings it, as the next run does."
    yield ""
    columns = [Column(name) for name in ("run", "as of", "status")]
    columns += [Column("seconds", right=True), Column("what happened")]
    yield from render_table(columns, [_row(record) for record in runs])


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    seconds = record.get("seconds") or sum(stage["seconds"] for stage in record["stages"])
    error = (
        record["error"] or record["publication"].get("generation", "") or _ENDS.get(record["status"], "")
    ).splitlines()
    return record["run_id"], record["as_of"], record["status"], f"{seconds:.1f}", error[0] if error else ""
