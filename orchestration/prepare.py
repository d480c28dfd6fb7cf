"""Definitions ready for use: dbt's manifests, parsed anew only when a file they depend on has changed."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from orchestration import parsed
from plumbline.errors import PlumblineError
from plumbline.project import Home, Project
from plumbline.runs import current_progress


@dataclass(frozen=True)
class Prepared:
    """dbt's manifest as a dictionary, and where the semantic manifest is."""

    manifest: dict[str, Any]
    semantic_manifest: Path


def is_prepared(project: Project, home: Home) -> bool:
    """Tell whether the parsed manifests are those of the files as they are now, and parsed by this dbt.

    What was parsed for another company, or by `make setup`, is taken over.
    """
    digest = parsed.digest_parsed(project)
    if _is_parsed(home, digest):
        return True
    if not parsed.fetch(project, home, digest):
        return False
    _stamp(home).write_text(digest, encoding="utf-8")
    return True


def _is_parsed(home: Home, digest: str) -> bool:
    stamp = _stamp(home)
    there = home.dbt_manifest.is_file() and home.semantic_manifest.is_file() and stamp.is_file()
    return there and stamp.read_text(encoding="utf-8") == digest


def mark_prepared(project: Project, home: Home, digest: str) -> None:
    """Note which files the manifests were parsed from; `digest` was taken before the parsing."""
    _stamp(home).write_text(digest, encoding="utf-8")
    parsed.keep(project, home, digest)


def prepare(project: Project, home: Home) -> Prepared:
    """Parse the dbt project if need be, and give its manifests."""
    if not is_prepared(project, home):
        from orchestration.dbt_runner import run_dbt

        current_progress().update("reading models and metrics")
        digest = parsed.digest_parsed(project)
        run_dbt(project, home, ["parse"])
        mark_prepared(project, home, digest)
    return _load(home.dbt_manifest, home.semantic_manifest, _stamp(home).read_text(encoding="utf-8"))


class Draft(Home):
    """The state of a company with another place for dbt's manifests: those of the last run stay."""

    @property
    def target(self) -> Path:
        return self.root / "lint"


def parse_as_written(project: Project, home: Home) -> Prepared:
    """Give the manifests of the files as they are now; what the last run parsed makes it faster."""
    if is_prepared(project, home):
        return prepare(project, home)
    draft = Draft(home.root)
    if is_prepared(project, draft):
        return prepare(project, draft)
    started = time.perf_counter()
    current_progress().begin("reading definitions")
    try:
        _take_over(home.target / parsed.PARSED, draft.target / parsed.PARSED)
        return prepare(project, draft)
    finally:
        current_progress().end("reading definitions", time.perf_counter() - started)


def _take_over(before: Path, path: Path) -> None:
    """Let dbt parse only what changed since the run, unless something newer is there."""
    if before.is_file() and (not path.is_file() or path.stat().st_mtime < before.stat().st_mtime):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(before, path)


def _stamp(home: Home) -> Path:
    return home.target / "definitions.digest"


@lru_cache(maxsize=2)
def _load(manifest: Path, semantic_manifest: Path, _digest: str) -> Prepared:
    return Prepared(json.loads(manifest.read_text(encoding="utf-8")), semantic_manifest)


def _prepare_all(project: Project, home: Home) -> None:
    """Parse, compile what every run asks, find what that rests on, and keep all of it for every company."""
    from orchestration.lineage import prepare_lineage
    from plumbline.indicators import start_compiling

    prepare(project, home)
    compiling = start_compiling(project, home)
    if compiling and compiling.wait() == 0:
        parsed.keep_compiled(project, home, parsed.digest_parsed(project))
    prepare_lineage(project, home)


def main() -> int:
    """Parse the project's definitions before the first run needs them: `python -m orchestration.prepare`."""
    with tempfile.TemporaryDirectory() as directory:
        project, home = Project.find(), Home(Path(directory))
        try:
            _prepare_all(project, home)
        except PlumblineError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
