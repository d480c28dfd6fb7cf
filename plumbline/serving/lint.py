"""Everything that can be said against the definitions of a project, without any data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plumbline.access import load_policy, policy_file, undefined
from plumbline.definitions import Definitions, Location
from plumbline.governance import Finding, lint, lint_seeds
from plumbline.project import Project
from plumbline.serving.vocabulary import Vocabulary


def lint_project(
    project: Project, definitions: Definitions, dbt_manifest: Mapping[str, Any]
) -> list[Finding]:
    """Check the definitions against the rules, dbt's sources and each other, and the seeds against them."""
    vocabulary = Vocabulary(definitions)
    return [
        *lint(definitions, dbt_manifest),
        *lint_seeds(
            project.root, definitions, project.companies(), lambda metric: vocabulary.dimensions([metric])
        ),
        *_lint_policies(project, definitions),
    ]


def _lint_policies(project: Project, definitions: Definitions) -> Iterator[Finding]:
    """Check that what the policies name is defined; raises ConfigurationError for one that cannot be read."""
    domains = {metric.governance.domain for metric in definitions.metrics.values()}
    for company in project.companies():
        file = policy_file(project, company).relative_to(project.root)
        policy = load_policy(project, company)
        for what, todo in undefined(policy, definitions.metrics, definitions.dimensions, domains):
            yield Finding(Location(str(file), 1), what, todo, "not-defined")
