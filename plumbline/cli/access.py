"""`plumb access`: who sees what, in words, and as roles and privileges of PostgreSQL."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from plumbline.cli.company import home_of
from plumbline.cli.text import Column, render_table
from plumbline.errors import ConfigurationError, UsageError, did_you_mean
from plumbline.project import Project

if TYPE_CHECKING:
    from plumbline.access import Policy, Role
    from plumbline.publication.postgres import TableSight
    from plumbline.publication.postgres.push import Generation

_WIDTH = 100


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "access",
        help="who sees which figures: tell it, and apply it to PostgreSQL",
        description="The policy in orchestration/access/<company>.yml says who sees which metrics, rows and "
        "persons. `show` tells it in words; `apply` makes roles and privileges of PostgreSQL of it, as every "
        "push does.",
    )
    commands = parser.add_subparsers(dest="access_command", metavar="COMMAND", required=True)
    showing = commands.add_parser(
        "show",
        help="tell what each role sees, of one role table by table",
        description="Tell which metrics, rows and tables a role sees of the published generation.",
    )
    showing.add_argument("role", nargs="?", metavar="ROLE", help="one role (default: all, in short)")
    showing.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    applying = commands.add_parser(
        "apply",
        help="make roles, accounts and privileges in PostgreSQL what the policy says",
        description="Create the roles and accounts of the policy in PostgreSQL, give every privilege anew, "
        "and remove roles that the policy names no more. Roles that were not made from it are never "
        "touched, and passwords are not set: ALTER ROLE … PASSWORD, or \\password of psql, is the "
        "administrator's.",
        epilog="Exit codes: 0 applied; 2 wrong configuration; 4 PostgreSQL cannot be reached or refused; "
        "5 a push is at work.",
    )
    for command, act in ((showing, _show), (applying, _apply)):
        command.add_argument("--company", default="demo", help="whose policy (default: demo)")
        command.set_defaults(run=act)


def _apply(options: argparse.Namespace) -> int:
    from plumbline.cli.push import push_now
    from plumbline.publication.postgres import How

    _require_policy(options.company)
    pushed = push_now(options.company, How(access_anew=True))
    roles = pushed.roles
    print(f"PostgreSQL has {pushed.publication_id}: {pushed.grants} privileges on tables given or withdrawn.")
    for what, names in (("created", roles.created), ("removed", roles.removed)):
        if names:
            print(f"Roles {what}: {', '.join(names)}")
    if roles.created:
        print("Accounts have no password yet: ALTER ROLE … PASSWORD, or \\password in psql, sets it.")
    return 0


def _show(options: argparse.Namespace) -> int:
    from plumbline.publication.postgres import opened, sights_of

    policy = _require_policy(options.company)
    if options.role and options.role not in policy.roles:
        raise UsageError(
            f"{options.role!r} is no role of {options.company}",
            where=str(policy.file),
            todo=did_you_mean(options.role, list(policy.roles)) or f"Roles: {', '.join(policy.roles)}.",
            code="unknown-role",
        )
    with opened(home_of(options.company), policy) as generation:
        sights = sights_of(generation, policy)
        chosen = [options.role] if options.role else list(policy.roles)
        if options.format == "json":
            told = {name: _as_json(policy, name, generation, sights[name]) for name in chosen}
            print(json.dumps(told, ensure_ascii=False, indent=2))
        elif options.role:
            print("\n".join(_in_full(policy, options.role, generation, sights[options.role])))
        else:
            print("\n".join(_in_short(policy, generation, sights)))
    return 0


def _require_policy(company: str) -> Policy:
    from plumbline.access import load_policy, policy_file

    policy = load_policy(Project.find(), company)
    if not policy.roles:
        raise ConfigurationError(
            f"company {company!r} has no access policy",
            where=str(policy_file(Project.find(), company)),
            why="Without roles only whoever runs Plumbline sees figures, and whom an administrator lets in.",
            todo="Write its roles and accounts there: docs/guides/publish-to-postgresql.md.",
            code="no-policy",
        )
    return policy


def _in_short(
    policy: Policy, generation: Generation, sights: Mapping[str, Mapping[str, TableSight]]
) -> Iterator[str]:
    columns = [Column("role"), Column("metrics"), Column("rows"), Column("persons"), Column("evidence")]
    columns += [Column("tables", right=True), Column("accounts")]
    rows = [
        (
            name,
            _metrics(role, generation),
            _rows(role),
            "yes" if role.persons else "no",
            "yes" if role.evidence else "no",
            str(len(sights[name])),
            ", ".join(_accounts(policy, name)),
        )
        for name, role in policy.roles.items()
    ]
    yield from render_table(columns, rows)
    yield from _small_groups(policy)
    yield f"`plumb access show ROLE` tells the tables. The policy: {policy.file}"


def _in_full(
    policy: Policy, name: str, generation: Generation, seen: Mapping[str, TableSight]
) -> Iterator[str]:
    role = policy.roles[name]
    yield f"{name}  {role.label} {role.label_zh}".rstrip()
    yield f"  metrics    {_metrics(role, generation)}"
    yield f"  rows       {_rows(role)}"
    if role.rows:
        yield f"  company    {role.company_wide} for the whole company"
    yield f"  persons    {'figures of single persons and small groups, too' if role.persons else 'no'}"
    yield f"  evidence   {'how figures came about, the ledger, failed rows' if role.evidence else 'no'}"
    yield f"  accounts   {', '.join(_accounts(policy, name)) or 'none'}"
    if not role.persons:
        yield from _small_groups(policy)
    yield ""
    yield from render_table(
        [Column("table"), Column("columns", right=True), Column("rows")], _tables(generation, seen)
    )
    hidden = sorted(
        table.name for table in generation.tables if not table.internal and table.name not in seen
    )
    if hidden:
        yield ""
        yield "Not seen:"
        yield from (f"  {line}" for line in wrap(", ".join(hidden), _WIDTH, break_on_hyphens=False))


def _tables(generation: Generation, seen: Mapping[str, TableSight]) -> list[tuple[str, ...]]:
    return [
        (
            table.name,
            f"{len(seen[table.name].columns)} of {len(table.columns)}",
            seen[table.name].words or "all",
        )
        for table in generation.tables
        if table.name in seen
    ]


def _metrics(role: Role, generation: Generation) -> str:
    from plumbline.access import Policy
    from plumbline.publication.postgres.sights import Onlooker

    known = generation.definitions
    chosen = Onlooker(Policy(""), role, known).visible
    return f"{role.metrics} ({len(chosen)} of {len(known.metrics)})"


def _rows(role: Role) -> str:
    told = (
        f"{name} {', '.join('(none)' if member is None else member for member in members)}"
        for name, members in role.rows.items()
    )
    return " and ".join(told) or "all"


def _accounts(policy: Policy, role: str) -> list[str]:
    return [name for name, account in policy.accounts.items() if role in account.roles]


def _small_groups(policy: Policy) -> Iterator[str]:
    for group in policy.small_groups:
        yield f"Without persons: {group.metrics} only where {group.count} is at least {group.at_least}."


def _as_json(
    policy: Policy, name: str, generation: Generation, seen: Mapping[str, TableSight]
) -> dict[str, Any]:
    from plumbline.publication.postgres.sights import Onlooker

    role = policy.roles[name]
    return {
        "metrics": sorted(Onlooker(policy, role, generation.definitions).visible),
        "rows": {dimension: list(members) for dimension, members in role.rows.items()},
        "company_wide": sorted(role.company_wide.metrics(generation.definitions)),
        "persons": role.persons,
        "evidence": role.evidence,
        "accounts": _accounts(policy, name),
        "tables": {
            table: {
                "columns": list(sight.columns),
                "rows": sight.words or "all",
                "condition": sight.condition,
            }
            for table, sight in seen.items()
        },
    }
