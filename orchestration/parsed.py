"""What is made of the definitions, kept beside the project: companies share it, and `make setup` fills it.

`target/parsed/<digest>/` holds dbt's two manifests, its own form of them, the code of its templates, and the
SQL of what every run asks. The digest is that of every file that dbt parses and of dbt's version, so an entry
never grows old; it is only forgotten.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from importlib.metadata import version
from pathlib import Path

from plumbline.project import Home, Project
from plumbline.replacing import temporary
from plumbline.runs.fingerprint import digest_definitions, digest_models

PARSED = "partial_parse.msgpack"
_FILES = ("manifest.json", "semantic_manifest.json", PARSED)
_COMPILED = "compiled"
_KEPT = 4


def digest_parsed(project: Project) -> str:
    """Digest what parsing depends on: the files, and who reads them."""
    return _read_by_dbt(digest_definitions(project.root))


def digest_parsed_models(project: Project) -> str:
    """Digest what the SQL of the models depends on: their files, and who compiles them."""
    return _read_by_dbt(digest_models(project.root))


def _read_by_dbt(definitions: str) -> str:
    readers = [f"{name} {version(name)}" for name in ("dbt-core", "dbt-duckdb")]
    return hashlib.sha256("\n".join([definitions, *readers]).encode()).hexdigest()


def keep(project: Project, home: Home, digest: str) -> None:
    """Keep what was parsed for `home`; a place that cannot be written is no error."""
    place = kept_for(project, digest)
    written = temporary(place)
    try:
        written.mkdir(parents=True)
        for name in _FILES:
            shutil.copyfile(home.target / name, written / name)
        os.replace(written, place)
        forget(place.parent)
    except OSError:
        shutil.rmtree(written, ignore_errors=True)


def keep_compiled(project: Project, home: Home, digest: str) -> None:
    """Keep the SQL that was compiled for `home` beside what was parsed."""
    place = kept_for(project, digest) / _COMPILED
    written = temporary(place)
    try:
        shutil.copytree(home.compiled, written)
        os.replace(written, place)
    except OSError:
        shutil.rmtree(written, ignore_errors=True)


def fetch(project: Project, home: Home, digest: str) -> bool:
    """Give `home` what was parsed before from the same files; tells whether there was anything."""
    place = kept_for(project, digest)
    if not all((place / name).is_file() for name in _FILES):
        return False
    home.target.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        shutil.copyfile(place / name, home.target / name)
    if (place / _COMPILED).is_dir():
        shutil.copytree(place / _COMPILED, home.compiled, dirs_exist_ok=True)
    return True


def kept_for(project: Project, digest: str) -> Path:
    """Name the entry of a digest, whether it is there or not."""
    return project.root / "target" / "parsed" / digest[:16]


def forget(directory: Path) -> None:
    """Keep only the newest entries of a directory."""
    entries = sorted(directory.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in entries[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
