"""Hold the Parquet of a load to the SHA-256 of its manifest: the evidence is what it was when it landed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from plumbline.errors import StorageError
from plumbline.landing.manifests import Manifest
from plumbline.landing.writer import disk_errors, file_sha256
from plumbline.project import Home


def verify_loads(home: Home, loads: Sequence[Manifest], *, thorough: bool = False) -> int:
    """Read the loads that were not read yet, or whose file was touched since; all of them when `thorough`.

    Gives how many were read. Raises StorageError for the first that is not what it was.
    """
    file = home.landing / ".cache" / "verified.json"
    known = {} if thorough else _read(file)
    stamps = {str(load.load): _stamp(load) for load in loads}
    unread = [load for load in loads if known.get(str(load.load)) != stamps[str(load.load)]]
    for load in unread:
        _verify(load)
    if unread or known.keys() != stamps.keys():
        _write(file, stamps)
    return len(unread)


def _verify(load: Manifest) -> None:
    for path, told in _files(load).items():
        found = file_sha256(path)
        if found != told:
            raise StorageError(
                "this load is not what it was when it landed",
                where=str(path),
                why=f"its SHA-256 is {found[:12]}…, its manifest says {told[:12]}…",
                todo="Restore the file, or remove its directory: the next run lands the extract again.",
                code="damaged-load",
            )


def _files(load: Manifest) -> dict[Path, str]:
    gone = {load.gone: load.difference.gone_sha256} if load.difference else {}
    return {load.parquet: load.parquet_sha256, **gone}


def _stamp(load: Manifest) -> list[int]:
    facts = [path.stat() for path in _files(load)]
    return [number for found in facts for number in (found.st_ino, found.st_size, found.st_mtime_ns)]


def _read(file: Path) -> dict[str, list[int]]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(file: Path, stamps: dict[str, list[int]]) -> None:
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        replacement = file.with_suffix(".new")
        replacement.write_text(json.dumps(stamps), encoding="utf-8")
        replacement.replace(file)
