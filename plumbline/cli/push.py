"""`plumb push`: bring PostgreSQL to the published generation by hand."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from plumbline.cli.company import home_of
from plumbline.errors import ConfigurationError
from plumbline.project import Project

if TYPE_CHECKING:
    from plumbline.publication.postgres import How, PostgresSettings, Pushed


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "push",
        help="bring PostgreSQL to the published generation, as every run does",
        description="Bring the PostgreSQL that orchestration/serving/<company>.yml names to the published "
        "generation: only rows that differ are moved, in one transaction. Every run does so by itself; by "
        "hand it is for a new database, and for one that could not be reached.",
        epilog="Exit codes: 0 it is there; 1 with --check: tables differ; 2 wrong configuration; 4 "
        "PostgreSQL cannot be reached or refused: what was there before stays; 5 another push is at work.",
    )
    parser.add_argument("--company", default="demo", help="whose figures (default: demo)")
    parser.add_argument("--check", action="store_true", help="only compare all tables, and change nothing")
    parser.add_argument("--full", action="store_true", help="compare all rows, also of what did not change")
    parser.add_argument(
        "--replace", action="store_true", help="replace what another installation or company pushed there"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Push or compare, and say on stdout what came of it."""
    from plumbline.publication.postgres import How

    if options.check:
        return _check(options)
    pushed = push_now(options.company, How(full=options.full, replace=options.replace))
    if options.format == "json":
        print(json.dumps(asdict(pushed), indent=2))
    else:
        print(tell(pushed))
    return 0


def push_now(company: str, how: How) -> Pushed:
    """Push with progress on stderr; warnings go there, too."""
    from plumbline.access import load_policy
    from plumbline.cli.progress import TerminalProgress
    from plumbline.publication.postgres import push

    home, settings = home_of(company), settings_of(company)
    policy, progress = load_policy(Project.find(), company), TerminalProgress()
    progress.begin("postgres")
    began = time.perf_counter()
    try:
        pushed = push(home, settings, policy, how=how, progress=progress.update)
    finally:
        progress.end("postgres", time.perf_counter() - began)
    for warning in pushed.roles.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return pushed


def settings_of(company: str) -> PostgresSettings:
    """Give the PostgreSQL of a company; ConfigurationError when it has none."""
    from plumbline.publication.postgres import load_postgres

    settings = load_postgres(Project.find(), company)
    if settings is None:
        raise ConfigurationError(
            f"company {company!r} names no PostgreSQL",
            where=f"orchestration/serving/{company}.yml",
            todo="Write `postgres: {url: $PLUMBLINE_POSTGRES_URL}` there, and set the variable: "
            "export PLUMBLINE_POSTGRES_URL=postgresql://user:password@host/database",
            code="no-postgres",
        )
    return settings


def tell(pushed: Pushed) -> str:
    """Say what a push did."""
    if not pushed.is_new:
        return f"PostgreSQL has {pushed.publication_id} already."
    came = f" after {pushed.before}" if pushed.before not in ("", pushed.publication_id) else ""
    return (
        f"PostgreSQL has {pushed.publication_id}{came}: {pushed.added:,} rows brought and {pushed.removed:,} "
        f"removed in {pushed.tables} tables ({pushed.seconds:.1f} s)."
    )


def _check(options: argparse.Namespace) -> int:
    from plumbline.access import load_policy
    from plumbline.publication.postgres import check

    policy = load_policy(Project.find(), options.company)
    differing = check(home_of(options.company), settings_of(options.company), policy)
    if options.format == "json":
        print(json.dumps({"differing": differing}))
    elif differing:
        print(f"{len(differing)} tables differ from the published generation: {', '.join(differing)}")
    else:
        print("Every table in PostgreSQL is that of the published generation.")
    return 1 if differing else 0
