"""`plumb lint`: what is missing or contradictory in the definitions of metrics, and in the targets."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from plumbline.cli.company import home_of
from plumbline.counting import counted
from plumbline.project import Home, Project

if TYPE_CHECKING:
    from plumbline.governance import Finding


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "lint",
        help="find what is missing or contradictory in the metric definitions and the targets",
        description="Check the declared sources; the columns of the marts; owners, units, levels, labels, "
        "sources, dates and unknown keys of all metrics; that each of them and each saved query can be "
        "calculated from the marts; the targets and thresholds under seeds/. Files are read as they are now: "
        "where one has changed, dbt reads them first.",
        epilog="Exit codes: 0 nothing found; 2 findings, one per line with file and line, or files that "
        "cannot be read.",
    )
    parser.add_argument("--company", default="demo", help="where to keep what was read (default: demo)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the findings; exit code 2 when there are any."""
    findings, metrics = _lint(Project.find(), home_of(options.company))
    for finding in findings:
        print(f"warning: {finding}" if finding.is_warning else finding)
    told = f"{counted(len(findings), 'finding')} in {counted(metrics, 'metric')}"
    print(told if findings else f"{metrics} metrics are sound", file=sys.stderr)
    return 2 if findings else 0


def _lint(project: Project, home: Home) -> tuple[list[Finding], int]:
    """Read the definitions as they are written now, and give the findings and how many metrics there are."""
    from plumbline.cli.progress import TerminalProgress
    from plumbline.cli.run import function_of
    from plumbline.definitions import load
    from plumbline.indicators.answerable import ill_fitting, unanswerable
    from plumbline.landing import load_sources
    from plumbline.runs import install_progress
    from plumbline.serving.lint import lint_project

    for company in project.companies():
        load_sources(project, company)
    install_progress(TerminalProgress())
    parsed = function_of(project, "parser")(project, home)
    definitions = load(parsed.semantic_manifest, project.root)
    findings = [
        *lint_project(project, definitions, parsed.manifest),
        *ill_fitting(definitions, parsed.manifest),
        *unanswerable(definitions, parsed.semantic_manifest, home.compiled),
    ]
    return findings, len(definitions.metrics)
