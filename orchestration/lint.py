"""Definitions and what people maintain under seeds/ are checked before the models take them."""

from __future__ import annotations

from collections.abc import Iterator

from orchestration.prepare import Prepared
from plumbline.definitions import Definitions
from plumbline.errors import DefinitionError
from plumbline.governance import Finding
from plumbline.project import Home, Project


def require_sound_definitions(project: Project, prepared: Prepared, home: Home) -> list[Finding]:
    """Raise DefinitionError with everything that `plumb lint` has against them; give the warnings."""
    from plumbline.definitions import load
    from plumbline.serving.lint import lint_project

    definitions = load(prepared.semantic_manifest, project.root)
    findings = lint_project(project, definitions, prepared.manifest)
    wrong = [finding for finding in findings if not finding.is_warning]
    wrong = wrong or list(_without_answer(definitions, prepared, home))
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


def _without_answer(definitions: Definitions, prepared: Prepared, home: Home) -> Iterator[Finding]:
    """Find what the run could not calculate later, where nobody has compiled it before."""
    from plumbline.indicators.answerable import ill_fitting, unanswerable
    from plumbline.indicators.precompile import is_compiled

    yield from ill_fitting(definitions, prepared.manifest)
    if not is_compiled(home, definitions):
        yield from unanswerable(definitions, prepared.semantic_manifest, home.compiled)
