"""Compiled SQL on disk: one small file per manifest, dialect and question."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from plumbline.replacing import replace_text

# Raise it whenever the SQL of an unchanged question changes.
VERSION = "16"
_KEPT_MANIFESTS = 4


def directory(cache: Path, digest: str) -> Path:
    """Name the directory of what was compiled from the definitions with this digest."""
    return cache / f"{digest[:16]}-{VERSION}"


def entry(cache: Path, digest: str, dialect: str, question: str) -> Path:
    """Name the file of a question."""
    name = hashlib.sha256("\n".join((dialect, question)).encode()).hexdigest()[:32]
    return directory(cache, digest) / f"{name}.sql"


def read(path: Path) -> str | None:
    """Give what was compiled before, or None."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def write(path: Path, sql: str) -> None:
    """Keep it for the next run; a cache that cannot be written is no error."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            _forget_old_manifests(path.parent.parent)
        replace_text(path, sql, durable=False)
    except OSError:
        return


def _forget_old_manifests(cache: Path) -> None:
    found = sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[_KEPT_MANIFESTS:]:
        shutil.rmtree(path, ignore_errors=True)
