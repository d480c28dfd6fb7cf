"""Definitions ready for use: dbt's manifests, parsed anew only when a file they depend on has changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from plumbline.project import Home, Project
from plumbline.runs import current_progress


@dataclass(frozen=True)
class Prepared:
    """dbt's manifest as a dictionary, and where the semantic manifest is."""

    manifest: dict[str, Any]
    semantic_manifest: Path


def prepare(project: Project, home: Home) -> Prepared:
    """Parse the dbt project unless the parsed one is that of the files as they are now."""
    from plumbline.runs.fingerprint import digest_definitions

    digest = digest_definitions(project.root)
    stamp = home.target / "definitions.digest"
    fresh = home.dbt_manifest.is_file() and home.semantic_manifest.is_file() and stamp.is_file()
    if not fresh or stamp.read_text(encoding="utf-8") != digest:
        from orchestration.dbt_runner import run_dbt

        current_progress().update("reading models and metrics")
        stamp.unlink(missing_ok=True)
        run_dbt(project, home, ["parse"])
        stamp.write_text(digest, encoding="utf-8")
    return _load(home.dbt_manifest, home.semantic_manifest, digest)


@lru_cache(maxsize=2)
def _load(manifest: Path, semantic_manifest: Path, _digest: str) -> Prepared:
    return Prepared(json.loads(manifest.read_text(encoding="utf-8")), semantic_manifest)
