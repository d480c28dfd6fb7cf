"""`plumb token`: who may ask over a network."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plumbline.access.tokens import Token
    from plumbline.project import Home


def register(subparsers: Any) -> None:
    """Add the group and its commands to the parser."""
    group = subparsers.add_parser(
        "token",
        help="create, list and revoke the tokens that programs ask with",
        description="A token stands for an account of orchestration/access/<company>.yml. It is shown once; "
        "kept is a digest of it, under the company's state.",
    )
    commands = group.add_subparsers(dest="token", metavar="COMMAND", title="commands", required=True)
    creating = commands.add_parser(
        "create",
        help="make a token and print it, once",
        description="Make a token. It is printed on standard output, and nowhere else.",
        epilog="Example: plumb token create --account li.na --expires 90d --note 'Excel of Li Na'",
    )
    creating.add_argument("--account", required=True, metavar="NAME", help="whose: an account of the policy")
    creating.add_argument("--role", default="", help="only for this role of the account")
    creating.add_argument(
        "--scopes",
        default="query",
        help="what for: query, evidence, or both separated by a comma (default: query)",
    )
    creating.add_argument(
        "--expires", default="90d", metavar="TIME", help="12h, 90d, 26w or never (default: 90d)"
    )
    creating.add_argument("--note", default="", help="what it is used for")
    creating.set_defaults(run=create)
    listing = commands.add_parser("list", help="list tokens, without what is secret of them")
    listing.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    listing.set_defaults(run=list_tokens)
    revoking = commands.add_parser(
        "revoke", help="end a token at once", description="End a token; servers that run notice at once."
    )
    revoking.add_argument("id", metavar="ID", help="its id, as `plumb token list` shows it, or the token")
    revoking.set_defaults(run=revoke)
    for parser in commands.choices.values():
        parser.add_argument("--company", default="demo", help="whose figures (default: demo)")


def create(options: argparse.Namespace) -> int:
    """Print the token on stdout, and what it is for on stderr."""
    from plumbline.access import load_policy
    from plumbline.access.tokens import Tokens, lifetime_of
    from plumbline.project import Project

    home = _home(options)
    principal = load_policy(Project.find(), options.company).principal(options.account, options.role)
    token, text = Tokens(home).create(
        principal.account,
        role=options.role,
        scopes=_scopes(options.scopes),
        lifetime=lifetime_of(options.expires),
        note=options.note,
    )
    print(text)
    ends = f"until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "until it is revoked"
    role = f"role {options.role}" if options.role else "any role of the account"
    print(
        f"token {token.id}: {token.account}, {role}, {', '.join(token.scopes)}; valid {ends}", file=sys.stderr
    )
    print("It is not shown again: keep it where secrets are kept.", file=sys.stderr)
    return 0


def list_tokens(options: argparse.Namespace) -> int:
    """Print the tokens on stdout."""
    from plumbline.access.tokens import Tokens
    from plumbline.cli.text import Column, render_table

    tokens = Tokens(_home(options))
    used, now = tokens.last_used(), datetime.now(UTC)
    entries = [_entry(token, used.get(token.id), now) for token in tokens.all()]
    if options.format == "json":
        print(json.dumps(entries, ensure_ascii=False, indent=2))
    elif not entries:
        print("no tokens; `plumb token create --account NAME` makes one")
    else:
        rows = [[str(value or "") for value in entry.values()] for entry in entries]
        print("\n".join(render_table([Column(name.replace("_", " ")) for name in entries[0]], rows)))
    return 0


def revoke(options: argparse.Namespace) -> int:
    """End a token and say so."""
    from plumbline.access.tokens import Tokens

    token = Tokens(_home(options)).revoke(options.id)
    print(f"revoked: token {token.id} of {token.account}")
    return 0


def _entry(token: Token, used: datetime | None, now: datetime) -> dict[str, str | None]:
    return {
        "id": token.id,
        "account": token.account,
        "role": token.role or "any",
        "scopes": ", ".join(token.scopes),
        "state": token.state(now),
        "expires": _day(token.expires_at) or "never",
        "last_used": _day(used),
        "note": token.note,
    }


def _day(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%d %H:%M}" if time else None


def _scopes(text: str) -> tuple[str, ...]:
    from plumbline.access.policy import SCOPES
    from plumbline.errors import UsageError, did_you_mean

    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for scope in found:
        if scope not in SCOPES:
            todo = did_you_mean(scope, list(SCOPES)) or f"Scopes are {', '.join(SCOPES)}."
            raise UsageError(f"{scope!r} is no scope", where="--scopes", todo=todo, code="unknown-scope")
    if not found:
        raise UsageError("a token without a scope is for nothing", where="--scopes", code="unknown-scope")
    return found


def _home(options: argparse.Namespace) -> Home:
    from plumbline.cli.company import home_of

    return home_of(options.company)
