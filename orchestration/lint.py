"""Definitions and what people maintain under seeds/ are checked before the models take them."""

from __future__ import annotations

from orchestration.prepare import Prepared
from plumbline.errors import DefinitionError
from plumbline.governance import Finding
from plumbline.project import Project


def require_sound_definitions(project: Project, prepared: Prepared) -> list[Finding]:
    """Raise DefinitionError with everything that `plumb lint` has against them; give the warnings."""
    from plumbline.definitions import load
    from plumbline.serving.lint import lint_project

    findings = lint_project(project, load(prepared.semantic_manifest, project.root), prepared.manifest)
    wrong = [finding for finding in findings if not finding.is_warning]
    if wrong:
        number = "a definition is" if len(wrong) == 1 else f"{len(wrong)} definitions are"
        raise DefinitionError(
            f"{number} wrong: nothing was built",
            where="metrics",
            why="\n  ".join(str(finding).replace("\n", "\n  ") for finding in wrong),
            todo="What is published stays as it is. `plumb lint` tells the same without a run.",
            code="unsound-definitions",
        )
    return findings
