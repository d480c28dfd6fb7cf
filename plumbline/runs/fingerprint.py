"""Which inputs a run would use: the same inputs give the same figures, so the run is needless."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

_MODEL_DIRECTORIES = ("models", "macros", "seeds")
_RULE_DIRECTORIES = ("metrics", "expectations", "orchestration", "plumbline")
_SUFFIXES = {".sql", ".yml", ".csv", ".py"}


@dataclass(frozen=True)
class Fingerprint:
    """Digests (hex) of the transformations, of all code and seeds, and of everything together.

    The rows of seeds belong to everything only: what is made of them is made anew in every run.
    """

    models: str
    code: str
    everything: str


def fingerprint(
    root: Path, *, loads: Iterable[str], as_of: str, decisions: Iterable[str] = ()
) -> Fingerprint:
    """Digest the project's code under `root`, the visible loads, the as-of date and what people decided."""
    code = _SUFFIXES - {".csv"}
    project = [root / "dbt_project.yml", root / "profiles.yml"]
    models = _digest_files(root, _MODEL_DIRECTORIES, project, suffixes=code)
    rules = _digest_files(root, _RULE_DIRECTORIES, [])
    seeds = _digest_files(root, ("seeds",), [])
    everything = [models, rules, seeds, as_of, *sorted(loads), *sorted(decisions)]
    return Fingerprint(models, _joined([models, rules, seeds]), _joined(everything))


def _joined(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def digest_definitions(root: Path) -> str:
    """Digest what dbt parses: models, macros, seeds, metrics, and the two project files."""
    return _digest_files(
        root,
        (*_MODEL_DIRECTORIES, "metrics", "tests/data"),
        [root / "dbt_project.yml", root / "profiles.yml"],
    )


def digest_models(root: Path) -> str:
    """Digest what the SQL of models is compiled from: all that dbt parses but metrics and tests."""
    return _digest_files(root, _MODEL_DIRECTORIES, [root / "dbt_project.yml", root / "profiles.yml"])


def _digest_files(
    root: Path, directories: Iterable[str], extra: list[Path], suffixes: Collection[str] = _SUFFIXES
) -> str:
    digest = hashlib.sha256()
    files = [
        path for name in directories for path in (root / name).rglob("*") if path.suffix in suffixes
    ] + extra
    for path in sorted(path for path in files if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
