"""`plumb lint`: what is missing or contradictory in the definitions of metrics, and in the targets."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from plumbline.cli.company import home_of
from plumbline.project import Project


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "lint",
        help="find what is missing or contradictory in the metric definitions and the targets",
        description="Check owners, units, levels, labels, sources, dates and unknown keys of all metrics, "
        "and the targets and thresholds under seeds/.",
        epilog="Exit codes: 0 nothing found; 2 findings, one per line with file and line.",
    )
    parser.add_argument("--company", default="demo", help="whose parsed definitions to read (default: demo)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the findings; exit code 2 when there are any."""
    import json

    from plumbline.definitions import load
    from plumbline.errors import ConfigurationError
    from plumbline.governance import lint, lint_seeds
    from plumbline.serving.vocabulary import Vocabulary

    project = Project.find()
    home = home_of(options.company)
    if not home.semantic_manifest.is_file():
        raise ConfigurationError(
            "the definitions have not been parsed yet", todo="`plumb run` parses them.", code="not-parsed"
        )
    definitions = load(home.semantic_manifest, project.root)
    findings = lint(definitions, json.loads(home.dbt_manifest.read_text(encoding="utf-8")))
    vocabulary = Vocabulary(definitions)
    findings += lint_seeds(
        project.root, definitions, project.companies(), lambda metric: vocabulary.dimensions([metric])
    )
    for finding in findings:
        print(finding)
    metrics = len(definitions.metrics)
    print(
        f"{len(findings)} findings in {metrics} metrics" if findings else f"{metrics} metrics are sound",
        file=sys.stderr,
    )
    return 2 if findings else 0
