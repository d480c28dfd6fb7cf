"""The log of requests: who asked for which figures, when, and how it went, as a chain.

One JSON line per request in `<home>/access/requests.jsonl`, readable by the owner only. `prev` of a line is
the SHA-256 of the line before it, also across files: a full file becomes `requests-<time>.jsonl`, and the
newest of these are kept. Questions are told by their metrics and dimensions: no condition, member or token
stands in it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from plumbline.project import Home

_LARGEST = 16_000_000
_FILES = 12
_FIRST = "0" * 64
_TAIL = 65_536
_LINE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Request:
    """One request: by which way in (`http`, `sql`, `mcp`), by whom, for what, and how it ended."""

    way: str
    account: str
    role: str
    token: str
    action: str
    metrics: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    rows: int | None = None
    bytes: int = 0
    milliseconds: float = 0.0
    status: int = 0
    code: str = ""
    publication: str = ""
    cached: bool = False
    client: str = ""


class RequestLog:
    """Adds to the log of one company; several processes may."""

    def __init__(self, home: Home, *, largest: int = _LARGEST, files: int = _FILES) -> None:
        self.path = home.root / "access" / "requests.jsonl"
        self._name = str(self.path)
        self._largest = largest
        self._files = files
        self._lock = threading.Lock()
        self._end: tuple[int, int] = (-1, -1)
        self._last = _FIRST
        self._descriptor = -1

    def add(self, request: Request, now: datetime | None = None) -> None:
        """Write one line."""
        at = (now or datetime.now(UTC)).isoformat(timespec="milliseconds")
        with self._lock:
            descriptor = self._locked()
            try:
                self._catch_up(descriptor)
                content = {"at": at, **vars(request), "prev": self._last}
                self._write(descriptor, _LINE.encode(content))
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _locked(self) -> int:
        """Lock the file that has the name; another process may just have begun a new one."""
        while True:
            descriptor = self._open()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not self._is_moved():
                return descriptor
            self._let_go()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _open(self) -> int:
        if self._descriptor >= 0:
            return self._descriptor
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        return self._descriptor

    def _is_moved(self) -> bool:
        try:
            return os.stat(self._name).st_ino != os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return True

    def _catch_up(self, descriptor: int) -> None:
        """Find the last line where another process, or an earlier one, wrote it."""
        status = os.fstat(descriptor)
        if (status.st_ino, status.st_size) == self._end:
            return
        if status.st_size:
            self._mend(descriptor, status.st_size)
            self._last = _digest(_last_line(self.path))
        else:
            older = self.older()
            self._last = _digest(_last_line(older[-1])) if older else _FIRST

    def _mend(self, descriptor: int, size: int) -> None:
        """End a line that a crash cut off, so that the next one begins on its own."""
        if os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")

    def _write(self, descriptor: int, line: str) -> None:
        written = line.encode()
        os.write(descriptor, written + b"\n")
        self._last = _digest(written)
        status = os.fstat(descriptor)
        self._end = (status.st_ino, status.st_size)
        if status.st_size > self._largest:
            self._turn()

    def _turn(self) -> None:
        """Begin a new file, and remove the oldest."""
        name = f"requests-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.jsonl"
        os.replace(self.path, self.path.with_name(name))
        for path in self.older()[: -self._files + 1 or None]:
            path.unlink(missing_ok=True)

    def older(self) -> list[Path]:
        """Name the full files, the oldest first."""
        return sorted(self.path.parent.glob("requests-*.jsonl"))


def broken_links(home: Home) -> Iterator[str]:
    """Name the lines of the log that do not follow the line before; the first one kept is taken as it is."""
    log = RequestLog(home)
    before = ""
    for path in (*log.older(), *([log.path] if log.path.exists() else [])):
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            try:
                told = json.loads(line)["prev"]
            except (ValueError, LookupError, TypeError):
                told = None
            if told is None or (before and told != before):
                yield f"{path.name}:{number}"
            before = _digest(line)


def _last_line(path: Path) -> bytes:
    with open(path, "rb") as handle:
        handle.seek(max(0, path.stat().st_size - _TAIL))
        lines = handle.read().splitlines()
    return lines[-1] if lines else b""


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
