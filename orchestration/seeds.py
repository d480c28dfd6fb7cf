"""What people maintain under seeds/ is checked before the models take it."""

from __future__ import annotations

from pathlib import Path

from plumbline.errors import ConfigurationError
from plumbline.project import Project


def require_sound_seeds(project: Project, semantic_manifest: Path) -> None:
    """Raise ConfigurationError for the first row of a seed that means nothing, with its file and line."""
    from plumbline.definitions import load
    from plumbline.governance import lint_seeds
    from plumbline.serving.vocabulary import Vocabulary

    definitions = load(semantic_manifest, project.root)
    vocabulary = Vocabulary(definitions)
    findings = lint_seeds(
        project.root, definitions, project.companies(), lambda metric: vocabulary.dimensions([metric])
    )
    if findings:
        first, others = findings[0], len(findings) - 1
        raise ConfigurationError(
            first.what,
            where=str(first.location),
            why=f"There are {others} findings more; `plumb lint` lists them." if others else "",
            todo=first.todo,
            code=first.code,
        )
