"""Compile what a run will ask, in a process of its own, while the models are still being built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.compiler.cache import directory
from plumbline.project import Home, Project

if TYPE_CHECKING:
    import subprocess

    from plumbline.definitions import Definitions

_PROGRAM = "import sys; from plumbline.indicators.precompile import main; sys.exit(main(sys.argv[1:]))"


def start_compiling(project: Project, home: Home) -> subprocess.Popen[bytes] | None:
    """Start filling `home.compiled` in the background; `build_candidates` compiles what is still missing.

    None where these definitions have been compiled before.
    """
    import subprocess

    from plumbline.definitions import load

    if is_compiled(home, load(home.semantic_manifest, project.root)):
        return None
    command = [sys.executable, "-c", _PROGRAM, str(project.root), str(home.root)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def main(arguments: list[str]) -> int:
    """Compile every question of a project into the cache of a company."""
    from plumbline.compiler import compile
    from plumbline.definitions import load
    from plumbline.errors import PlumblineError
    from plumbline.indicators.questions import all_questions, alone
    from plumbline.indicators.targets import likely_questions

    project, home = Path(arguments[0]), Home(Path(arguments[1]))
    definitions = load(home.semantic_manifest, project)
    asked = [
        question.query for question in (*all_questions(definitions), *likely_questions(definitions, project))
    ]
    for query in (*asked, *map(alone, definitions.metrics)):
        try:
            compile(home.semantic_manifest, query, "duckdb", cache=home.compiled)
        except PlumblineError:
            # The run itself meets the same mistake and says so.
            return 1
    _done(home, definitions).touch()
    return 0


def is_compiled(home: Home, definitions: Definitions) -> bool:
    """Tell whether all that a run asks of these definitions has been compiled before."""
    return _done(home, definitions).is_file()


def _done(home: Home, definitions: Definitions) -> Path:
    return directory(home.compiled, definitions.digest) / "all"
