"""What need not be read again: digests of files, and signatures of tables, as long as nothing has changed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from plumbline.landing.writer import disk_errors, file_sha256_by_stretch

JUST_WRITTEN_NS = 2_000_000_000


class ReadCache:
    """Remembers, in one JSON file; what is lost or unreadable is found out anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = self._load()
        self._entries: dict[str, Any] = dict(self._before)
        self._marks: dict[Path, tuple[str, ...]] = {}

    def _load(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def sha256(self, path: Path) -> str:
        """Give the digest of a file; a file with the same inode, size and time is not read again.

        A file written a moment ago may change within the same tick of the clock: it is not remembered.
        """
        facts = path.stat()
        stamp = [facts.st_ino, facts.st_size, facts.st_mtime_ns]
        known = self._entries.get(f"file:{path}")
        if known and known["stamp"] == stamp:
            return str(known["sha256"])
        digest, self._marks[path] = file_sha256_by_stretch(path)
        if time.time_ns() - facts.st_mtime_ns > JUST_WRITTEN_NS:
            self._entries[f"file:{path}"] = {"stamp": stamp, "sha256": digest}
        return digest

    def marks(self, path: Path) -> tuple[str, ...]:
        """Give the digests of a file up to the end of each stretch, where it was read in this run."""
        return self._marks.get(path, ())

    def signature(self, key: str) -> str | None:
        """Give what was remembered for a table."""
        value = self._entries.get(f"table:{key}")
        return str(value) if value is not None else None

    def remember(self, key: str, signature: str | None) -> None:
        """Remember a table's signature; None forgets it."""
        self._entries.pop(f"table:{key}", None)
        if signature is not None:
            self._entries[f"table:{key}"] = signature

    def save(self) -> None:
        """Write what is new."""
        if self._entries == self._before:
            return
        with disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replacement = self._path.with_suffix(".new")
            replacement.write_text(json.dumps(self._entries), encoding="utf-8")
            replacement.replace(self._path)
