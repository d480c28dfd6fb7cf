"""Everything that can be said against the definitions of a project, without any data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline.definitions import Definitions
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
    ]
