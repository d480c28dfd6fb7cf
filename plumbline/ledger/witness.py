"""Witnesses: places outside the state of a company that remember the newest hashes of its ledger.

A witness holds lines of canonical JSON, each with the hash of the line before it. A new kind is a class with
`read` and `add`, its keys in `plumbline.governance.trust`, and its row in `plumbline.ledger.configured`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from plumbline.landing.secrets import redact
from plumbline.ledger.canonical import canonical
from plumbline.ledger.record import GENESIS

_GIT_SECONDS = 60
_ATTEMPTS = 3
_KNOWN = "refs/heads/known"


class WitnessUnreachable(Exception):
    """A witness cannot be asked, or told, now; the text says why."""


@dataclass(frozen=True)
class Seen:
    """One line of a witness: the head of a ledger at a time. `first` is the hash of its first record."""

    seq: int
    hash: str
    first: str
    at: str
    prev: str

    @classmethod
    def now(cls, seq: int, own: str, first: str, prev: str) -> Seen:
        """Describe a head that is shown to a witness now."""
        return cls(seq, own, first, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", prev)

    @classmethod
    def parse(cls, line: bytes) -> Seen | None:
        """Read a line of a witness; None when it is none."""
        try:
            return cls(**json.loads(line))
        except (ValueError, TypeError):
            return None

    @property
    def line(self) -> bytes:
        """The line, without its end."""
        return canonical(
            {"seq": self.seq, "hash": self.hash, "first": self.first, "at": self.at, "prev": self.prev}
        )


def line_digest(line: bytes) -> str:
    """Give the hash that the next line of a witness carries."""
    return hashlib.sha256(line).hexdigest()


def digest_of_last(lines: Sequence[bytes]) -> str:
    """Give the hash of the last line; that of nothing before the first."""
    return line_digest(lines[-1]) if lines else GENESIS


class Witness(Protocol):
    """A place that heads are shown to; both methods raise WitnessUnreachable."""

    @property
    def name(self) -> str:
        """The name in the settings."""

    @property
    def place(self) -> str:
        """Where it is, without secrets."""

    @property
    def required(self) -> bool:
        """Whether nothing is published when it cannot be told."""

    def read(self) -> list[bytes]:
        """Give its whole lines, oldest first."""

    def add(self, make: Callable[[Sequence[bytes]], bytes]) -> bytes:
        """Add the line that `make` gives for the lines that are there; gives that line."""


@dataclass(frozen=True)
class FileWitness:
    """A file on another disk, or another machine's share."""

    name: str
    path: Path
    required: bool = False

    @property
    def place(self) -> str:
        return str(self.path)

    def read(self) -> list[bytes]:
        try:
            return _whole_lines(self.path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WitnessUnreachable(str(error)) from error

    def add(self, make: Callable[[Sequence[bytes]], bytes]) -> bytes:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a+b") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                handle.seek(0)
                content = handle.read()
                # What a crash left of a line is ended: the next one begins, and follows, a line of its own.
                end = b"\n" if content and not content.endswith(b"\n") else b""
                line = make(_whole_lines(content + end))
                handle.write(end + line + b"\n")
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise WitnessUnreachable(str(error)) from error
        return line


@dataclass(frozen=True)
class GitWitness:
    """A file in a branch of a git repository, pushed to it; `clone` is our own bare copy.

    Only what goes on from the history that we know is fetched: a rewritten one is refused by git.
    """

    name: str
    repository: str
    branch: str
    file: str
    clone: Path
    required: bool = False

    @property
    def place(self) -> str:
        return f"{redact(self.repository)}, branch {self.branch}, file {self.file}"

    def read(self) -> list[bytes]:
        return self._lines() if self._fetch() else []

    def add(self, make: Callable[[Sequence[bytes]], bytes]) -> bytes:
        for attempt in range(_ATTEMPTS):
            before = self.read()
            line = make(before)
            self._commit([*before, line])
            try:
                self._git("push", "--quiet", self.repository, f"refs/heads/new:refs/heads/{self.branch}")
                break
            except WitnessUnreachable:
                # Somebody else pushed meanwhile: look again.
                if attempt == _ATTEMPTS - 1:
                    raise
        self._git("update-ref", _KNOWN, "refs/heads/new")
        return line

    def _fetch(self) -> bool:
        """Bring what the repository has; tells whether it has the branch."""
        if not (self.clone / "HEAD").is_file():
            self.clone.parent.mkdir(parents=True, exist_ok=True)
            _run(["git", "init", "--quiet", "--bare", str(self.clone)])
        if not self._git("ls-remote", "--heads", self.repository, f"refs/heads/{self.branch}"):
            self._git("update-ref", "-d", _KNOWN)
            return False
        self._git("fetch", self.repository, f"refs/heads/{self.branch}:{_KNOWN}")
        return True

    def _lines(self) -> list[bytes]:
        listed = self._git("ls-tree", "--name-only", _KNOWN, "--", self.file)
        return _whole_lines(self._git("show", f"{_KNOWN}:{self.file}")) if listed else []

    def _commit(self, lines: Iterable[bytes]) -> None:
        parent = self._git("for-each-ref", "--format=%(objectname)", _KNOWN).decode().split()
        index = {"GIT_INDEX_FILE": str(self.clone / "index.new")}
        (self.clone / "index.new").unlink(missing_ok=True)
        if parent:
            self._git("read-tree", parent[0], environment=index)
        blob = self._git("hash-object", "-w", "--stdin", given=b"".join(line + b"\n" for line in lines))
        entry = f"100644,{blob.decode().strip()},{self.file}"
        self._git("update-index", "--add", "--cacheinfo", entry, environment=index)
        tree = self._git("write-tree", environment=index).decode().strip()
        above = [part for commit in parent for part in ("-p", commit)]
        commit = self._git("commit-tree", tree, *above, "-m", f"Witness {self.file}").decode().strip()
        self._git("update-ref", "refs/heads/new", commit)

    def _git(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> bytes:
        who = ["-c", "user.name=plumbline", "-c", "user.email=plumbline@localhost"]
        command = ["git", "--git-dir", str(self.clone), *who, *arguments]
        return _run(command, given, environment or {})


def _run(command: list[str], given: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
    settings = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(environment or {})}
    try:
        done = subprocess.run(command, input=given, capture_output=True, env=settings, timeout=_GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WitnessUnreachable(redact(str(error))) from error
    if done.returncode:
        words = [line.strip() for line in done.stderr.decode(errors="replace").strip().splitlines()]
        raise WitnessUnreachable(redact("; ".join(words[:2]) or f"git ended with {done.returncode}"))
    return done.stdout


def _whole_lines(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n")[:-1] if line]
