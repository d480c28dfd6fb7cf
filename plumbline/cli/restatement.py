"""`plumb restatement`: past figures that changed, and the approval of those that wait for one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plumbline.cli.text import Column, render_table
from plumbline.cli.waiting import read_waiting, tell_waiting
from plumbline.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from plumbline.cli.deciding import Desk
    from plumbline.gate.approve import Change
    from plumbline.project import Home

_COLUMNS = (
    ("grain", "grain"),
    ("period", "strftime(period_start, '%Y-%m-%d')"),
    ("of", "case when members = '' then 'total' else members end"),
    ("old", "rtrim(rtrim(old_value::varchar, '0'), '.')"),
    ("new", "coalesce(rtrim(rtrim(new_value::varchar, '0'), '.'), 'gone')"),
    ("change", "coalesce(printf('%+.2f %%', 100 * change_share), '')"),
    ("state", "state"),
    ("cause", "cause"),
    ("by", "coalesce(approved_by, restated_by)"),
    ("publication", "publication_id"),
)
_SUMMARY = """
select publication_id, metric, level, state, count(*)::varchar, coalesce(printf('%.2f %%',
    100 * max(abs(change_share))), ''), max(cause), coalesce(max(approved_by), '')
from published.restatement
where $metric in ('', metric)
group by publication_id, metric, level, state
order by publication_id desc, state <> 'awaits approval', level <> 'strategic', count(*) desc, metric
limit $limit
"""


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "restatement",
        help="show past figures that changed, and approve those that wait for it",
        description="A past figure that changes is recorded; one that the company wants approved keeps its "
        "old value until somebody approves it who changed neither the definition nor the models, and did "
        "not start the run.",
        epilog="Example: plumb restatement approve net_sales --reason 'credit notes of March, see FIN-312'",
    )
    commands = parser.add_subparsers(dest="restatement_command", metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="count them by publication and metric, what waits first")
    listing.add_argument("--limit", type=int, default=40, metavar="N", help="at most so many (default: 40)")
    showing = commands.add_parser("show", help="show the changed figures of a metric one by one")
    showing.add_argument("metric", metavar="METRIC")
    showing.add_argument("--limit", type=int, default=40, metavar="N", help="at most so many (default: 40)")
    approving = commands.add_parser("approve", help="let the new values of a metric be published")
    approving.add_argument("metric", metavar="METRIC", help="the metric, or `all`")
    approving.add_argument("--reason", required=True, help="why the past changed, for whoever reads it")
    for command, act in ((listing, _list), (showing, _show), (approving, _approve)):
        command.add_argument("--company", default="demo", help="whose figures (default: demo)")
        command.set_defaults(run=run, act=act)
    for command in (listing, showing):
        command.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def run(options: argparse.Namespace) -> int:
    """Do what is asked, and say it on stdout."""
    from plumbline.cli.deciding import Desk

    desk = Desk.of(options.company)
    options.act(desk, options)
    return 0


def _list(desk: Desk, options: argparse.Namespace) -> None:
    names = ("publication", "metric", "level", "state", "figures", "largest change", "cause", "approved by")
    rows = _ask(desk.home, _SUMMARY, {"metric": "", "limit": options.limit})
    _print(names, rows, options.format, "No past figure has changed.", right={"figures", "largest change"})
    if options.format == "table" and (waiting := read_waiting(desk.home)):
        print()
        print("\n".join(list(tell_waiting(waiting, options.company))[:-1]))


def _show(desk: Desk, options: argparse.Namespace) -> None:
    selected = ", ".join(sql for _, sql in _COLUMNS)
    sql = (
        f"select {selected} from published.restatement where metric = $metric"
        " order by state <> 'awaits approval', publication_id desc, abs(change_share) desc nulls first, all"
        " limit $limit"
    )
    sql = sql.replace(", all limit", ", grain, period_start, members limit")
    rows = _ask(desk.home, sql, {"metric": options.metric, "limit": options.limit})
    nothing = f"No past figure of {options.metric} has changed."
    _print([name for name, _ in _COLUMNS], rows, options.format, nothing, right={"old", "new", "change"})


def _approve(desk: Desk, options: argparse.Namespace) -> None:
    from plumbline.cli.deciding import reason_of
    from plumbline.gate.approve import approve
    from plumbline.governance.authors import Authors
    from plumbline.governance.people import Involved, refuse_own
    from plumbline.governance.trust import APPROVE

    person = desk.acting(APPROVE)
    reason, (publication, waiting, found_by) = reason_of(options.reason), _waiting(desk)
    chosen, authors = _chosen(waiting, options.metric), Authors(desk.project.root, desk.trust)
    involved = {
        metric: [
            *(Involved(who, "started the run that found it") for who in found_by[metric]),
            *authors.of_metrics(desk.definitions, [metric], desk.good_since([metric])),
        ]
        for metric in chosen
    }
    for metric in chosen:
        refuse_own(person, involved[metric], f"approve the restatement of {metric}")
    for metric in chosen:
        approve(
            desk.ledger,
            person,
            metric,
            waiting[metric],
            reason=reason,
            publication_id=publication,
            involved=involved[metric],
            sign=desk.signature_of(person),
        )
    desk.show_witnesses()
    figures = sum(len(waiting[metric]) for metric in chosen)
    print(f"{person.name} approves {figures:,} restated figures of {', '.join(chosen)}: {reason}")
    print("The next `plumb run` publishes the new values.")


def _waiting(desk: Desk) -> tuple[str, dict[str, list[Change]], dict[str, list[str]]]:
    """Read from the current generation its number, what waits in it, and who found that."""
    import duckdb

    from plumbline.gate.approve import awaiting, finders
    from plumbline.publication import current_publication

    current = current_publication(desk.home)
    if current is None:
        return "", {}, {}
    with duckdb.connect(str(current.path), read_only=True) as connection:
        try:
            waiting = awaiting(connection, "published.restatement")
            return current.publication_id, waiting, finders(connection, "published.restatement")
        except duckdb.CatalogException:
            return current.publication_id, {}, {}


def _chosen(waiting: Mapping[str, object], metric: str) -> list[str]:
    if metric == "all" and waiting:
        return list(waiting)
    if metric in waiting:
        return [metric]
    about = f" of {metric!r}" if waiting else ""
    raise UsageError(
        f"no restatement{about} waits for an approval",
        why=f"Waiting: {', '.join(waiting)}." if waiting else "",
        todo=did_you_mean(metric, list(waiting)) or "`plumb restatement list` tells what has been restated.",
        code="unknown-restatement",
    )


def _ask(home: Home, sql: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    import duckdb

    if not home.current.exists():
        return []
    with duckdb.connect(str(home.current.resolve()), read_only=True) as connection:
        try:
            return connection.execute(sql, given).fetchall()
        except duckdb.CatalogException:
            return []


def _print(names: Any, rows: list[tuple[Any, ...]], style: str, nothing: str, right: set[str]) -> None:
    if style == "json":
        entries = [dict(zip(names, row, strict=True)) for row in rows]
        print(json.dumps(entries, ensure_ascii=False, indent=2, default=str))
    elif rows:
        columns = [Column(name, right=name in right) for name in names]
        print("\n".join(render_table(columns, rows)))
    else:
        print(nothing)
