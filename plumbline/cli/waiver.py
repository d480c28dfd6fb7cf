"""`plumb waiver`: somebody whose own it is not lets a failed check through, for a reason and for a time."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from plumbline.cli.holds import read_holds
from plumbline.cli.text import Column, render_table
from plumbline.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from plumbline.cli.deciding import Desk
    from plumbline.gate import Waiver
    from plumbline.governance.people import Involved

_COMMANDS = ("add", "list", "end")


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "waiver",
        help="let a failed check through for a time, with a reason",
        description="Waive a critical check that failed: its figures are published as certified with "
        "warnings, and the waiver stands beside them. Who waives may not have changed the check, model or "
        "definition concerned, nor have started the run. All of it is recorded in the ledger.",
        epilog="Example: plumb waiver add --expectation 1 --reason 'checked by hand' --until 2026-12-31. "
        "`plumb status` numbers the checks that hold figures back.",
    )
    commands = parser.add_subparsers(dest="waiver_command", metavar="COMMAND", required=True)
    add = commands.add_parser("add", help="waive a failed check")
    add.add_argument(
        "--expectation", required=True, help="its number or its text, as `plumb status` shows it"
    )
    add.add_argument("--table", default="", help="the table that it is about, where the text is not enough")
    add.add_argument("--metric", default="", help="let only this metric through")
    add.add_argument("--reason", required=True, help="why, for whoever reads the figure")
    add.add_argument("--until", required=True, metavar="DATE", help="its last day: 2026-12-31, or 30d")
    listing = commands.add_parser("list", help="show all waivers, also those that are over")
    end = commands.add_parser("end", help="end a waiver before its time")
    end.add_argument("id", metavar="ID", help="as `plumb waiver list` shows it: W1")
    for command, act in ((add, _add), (listing, _list), (end, _end)):
        command.add_argument("--company", default="demo", help="whose waiver (default: demo)")
        command.set_defaults(run=run, act=act)
    listing.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def run(options: argparse.Namespace) -> int:
    """Do what is asked, and say it on stdout."""
    from plumbline.cli.deciding import Desk

    desk = Desk.of(options.company)
    options.act(desk, options)
    return 0


def _add(desk: Desk, options: argparse.Namespace) -> None:
    from plumbline.cli.deciding import reason_of
    from plumbline.gate.waive import new_waiver
    from plumbline.governance.people import refuse_own
    from plumbline.governance.trust import WAIVE

    person = desk.acting(WAIVE)
    reason, until = reason_of(options.reason), _until(desk, options.until)
    check = _failed_check(desk, options.expectation, options.table)
    metric = _metric(desk, check, options.metric)
    involved = _involved(desk, check, metric)
    refuse_own(person, involved, f"waive {check['table']}: {check['expected']}")
    waiver = new_waiver(
        desk.ledger,
        desk.trust,
        person,
        table=check["table"],
        expectation=check["expected"],
        metric=metric,
        reason=reason,
        until=until,
        involved=involved,
        sign=desk.signature_of(person),
    )
    desk.show_witnesses()
    print(f"{waiver.id}: {waiver.table}: {waiver.expectation}: {waiver.told}")
    print("The next `plumb run` publishes with it; past figures that changed still wait for their approval.")


def _list(desk: Desk, options: argparse.Namespace) -> None:
    waivers, today = _all(desk), _today()
    if options.format == "json":
        entries = [{**asdict(waiver), "state": waiver.state(today)} for waiver in waivers]
        print(json.dumps(entries, ensure_ascii=False, indent=2, default=str))
        return
    if not waivers:
        print("There are no waivers.")
        return
    columns = [Column(name) for name in ("id", "state", "check", "metric", "by", "until", "reason")]
    print("\n".join(render_table(columns, [_row(waiver, today) for waiver in waivers])))


def _end(desk: Desk, options: argparse.Namespace) -> None:
    from plumbline.gate.waive import end_waiver
    from plumbline.governance.trust import WAIVE

    person = desk.acting(WAIVE)
    waivers = {waiver.id: waiver for waiver in _all(desk)}
    waiver = waivers.get(options.id.upper())
    if waiver is None or waiver.state(_today()) != "valid":
        standing = [name for name, each in waivers.items() if each.state(_today()) == "valid"]
        raise UsageError(
            f"there is no waiver {options.id!r} that could be ended",
            why=f"It is {waiver.state(_today())}." if waiver else "",
            todo=f"Waivers that count: {', '.join(standing) or 'none'}.",
            code="unknown-waiver",
        )
    end_waiver(desk.ledger, person, waiver, desk.signature_of(person))
    desk.show_witnesses()
    print(
        f"{waiver.id} has ended. The next `plumb run` holds back what rests on the check, if it still fails."
    )


def _all(desk: Desk) -> list[Waiver]:
    from plumbline.gate import read_waivers

    return read_waivers(desk.ledger, desk.trust)


def _row(waiver: Waiver, today: date) -> tuple[str, ...]:
    check = f"{waiver.table}: {waiver.expectation}"
    by = (waiver.by, str(waiver.until), waiver.reason)
    return waiver.id, waiver.state(today), check, waiver.metric or "all", *by


def _today() -> date:
    return datetime.now(UTC).date()


def _until(desk: Desk, text: str) -> date:
    try:
        days = re.fullmatch(r"(\d{1,4})d", text)
        until = _today() + timedelta(days=int(days[1])) if days else date.fromisoformat(text)
    except ValueError as error:
        todo = "Write it as 2026-01-31, or as a number of days: 30d."
        raise UsageError(f"{text!r} is no date", where="--until", todo=todo, code="bad-date") from error
    last = _today() + timedelta(days=desk.trust.longest_waiver_days)
    if not _today() <= until <= last:
        raise UsageError(
            f"{until} is over already" if until < _today() else f"{until} is too far away",
            where="--until",
            why=f"A waiver lasts at most {desk.trust.longest_waiver_days} days (`waivers: longest_days`).",
            todo=f"Name a day up to {last}; what is to last longer is another expectation.",
            code="bad-waiver-end",
        )
    return until


def _failed_check(desk: Desk, text: str, table: str) -> dict[str, Any]:
    """Find the check among those that failed in the run whose figures are published."""
    failed: list[dict[str, Any]] = [
        entry
        for entry in desk.published_run.get("failed_expectations", ())
        if entry["severity"] == "critical" and not entry.get("waived")
    ]
    numbered = [f"{held.table}: {held.expectation}" for held in read_holds(desk.home)]
    asked = " ".join(text.split()).casefold()
    if text.isdecimal():
        asked = dict(enumerate(numbered, start=1)).get(int(text), "").casefold()
    found = [
        entry
        for entry in failed
        if asked in (entry["expected"].casefold(), _name(entry).casefold()) and table in ("", entry["table"])
    ]
    if len(found) != 1:
        raise _no_such_check(text, table, found or failed, numbered, is_ambiguous=len(found) > 1)
    return found[0]


def _no_such_check(
    text: str,
    table: str,
    known: Sequence[dict[str, Any]],
    numbered: Sequence[str],
    *,
    is_ambiguous: bool,
) -> UsageError:
    places = {name: f"{number}. " for number, name in enumerate(numbered, start=1)}
    lines = [places.get(_name(entry), "   ") + _name(entry) for entry in known] or ["none"]
    about = f" of table {table!r}" if table else ""
    what = f"no check that failed is called {text!r}{about}"
    if is_ambiguous:
        what = f"more than one failed check is called {text!r}"
    close = did_you_mean(text, [entry["expected"] for entry in known])
    return UsageError(
        what,
        where="--expectation",
        why="\n  ".join(["Critical checks that failed in the run that is published:", *lines]),
        todo="Name the table, too." if is_ambiguous else close or "Warnings hold nothing back.",
        code="unknown-check",
    )


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['table']}: {entry['expected']}"


def _metric(desk: Desk, check: dict[str, Any], metric: str) -> str:
    """Give the metric that is to be let through: one of those that the check holds back."""
    held = _held_by(desk, check)
    if metric and metric not in held:
        raise UsageError(
            f"the check holds back no metric {metric!r}",
            where="--metric",
            todo=did_you_mean(metric, held) or f"It holds back: {', '.join(held) or 'nothing'}.",
            code="unknown-metric",
        )
    return metric


def _held_by(desk: Desk, check: dict[str, Any]) -> list[str]:
    """Name the metrics that the check holds back."""
    return [
        name
        for entry in desk.published_run.get("holds", ())
        if _name(entry) == _name(check)
        for name in entry["metrics"]
    ]


def _involved(desk: Desk, check: dict[str, Any], metric: str) -> list[Involved]:
    """Name who had a hand in it: who last wrote the check, its model, the metric; who started the run.

    A check of figures fails by what makes them: the definitions of those that it holds back, and the marts.
    """
    from plumbline.governance.authors import Authors

    authors = Authors(desk.project.root, desk.trust)
    passages = [*authors.passages.of_check(check["stage"], check["table"])]
    metrics = [metric] if metric else _held_by(desk, check)
    is_of_figures = check["table"].startswith("candidates.")
    if is_of_figures:
        passages += authors.passages.of_marts(desk.definitions, metrics)
    if metric or is_of_figures:
        passages += authors.passages.of_metrics(desk.definitions, metrics)
    return [*authors.of(passages, desk.good_since(metrics)), *desk.operator()]
