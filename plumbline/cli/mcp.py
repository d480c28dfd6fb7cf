"""`plumb mcp`: serve figures to an AI agent, over standard input and output."""

from __future__ import annotations

import argparse
from typing import Any

_EPILOG = """\
An agent starts this command itself; by hand it waits for messages and says
nothing. In the settings of Claude Desktop, and of most other agents:

  {"mcpServers": {"plumbline": {"command": "/path/to/plumb",
    "args": ["mcp", "--company", "demo"],
    "env": {"PLUMBLINE_PROJECT": "/path/to/the/project"}}}}

Without --account it answers as whoever runs it, who sees everything. Exit
codes: 0 the agent has gone; 1 nothing published; 2 an unknown account or role.
"""


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "mcp",
        help="serve figures to an AI agent (Model Context Protocol)",
        description="Serve metrics, figures, comparisons, reasons, quality and evidence to an AI agent over "
        "standard input and output. Nothing is ever written.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--company", default="demo", help="whose figures (default: demo)")
    parser.add_argument("--account", default="", help="answer as this account of orchestration/access/")
    parser.add_argument("--role", default="", help="the account acts in this role (default: its first)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until the agent goes."""
    from plumbline.access import load_policy
    from plumbline.audit.auditor import Auditor
    from plumbline.cli.company import home_of
    from plumbline.errors import UsageError
    from plumbline.governance.trust import load_trust
    from plumbline.ledger import witnessed_ledger
    from plumbline.project import Project
    from plumbline.serving.desk import Desk

    if options.role and not options.account:
        raise UsageError("--role says nothing without --account", where="plumb mcp")
    home, project = home_of(options.company), Project.find()
    policy = load_policy(project, options.company)
    principal = policy.principal(options.account, options.role) if options.account else None
    desk = Desk(home, lambda: load_policy(project, options.company))
    with desk.visit(principal):
        pass  # what is missing is said now, and not to the agent
    from plumbline.serving.mcp.stdio import run_stdio

    witnessing = witnessed_ledger(home, load_trust(project, options.company))
    run_stdio(desk, principal, auditor=Auditor(home, witnessing, options.company, project))
    return 0
