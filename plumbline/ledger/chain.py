"""The chain of records in one file: adding to it, and reading it with every link checked."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.errors import LedgerError, LockedError, disk_is_full, full_disk
from plumbline.ledger.record import GENESIS, Record
from plumbline.replacing import replace_bytes, sync

_BLOCK = 1 << 16
_PATIENCE, _LOOK = 20.0, 0.02
_RESTORE = "`plumb audit verify` names all that differs. Restore the ledger from a copy."


@dataclass(frozen=True)
class Break:
    """Where the chain does not hold: the line, what is wrong with it, what was expected and found."""

    line: int
    what: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True)
class _Tail:
    """The last whole record, where the next one begins, and the bytes behind it that are no record."""

    head: Record | None
    end: int
    torn: bytes = b""


class Ledger:
    """Hash-chained records under one directory; one process adds at a time, any number may read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "ledger.jsonl"

    @property
    def head(self) -> Record | None:
        """The newest whole record; None before the first."""
        return _read_tail(self.file).head

    def append(self, kind: str, body: Mapping[str, Any]) -> Record:
        """Add one record and wait until it is on the disk."""
        return self.append_all([(kind, body)])[0]

    def append_all(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Record]:
        """Add records together; a crash leaves a whole beginning of them, and at most one torn line.

        What an earlier crash left torn is set aside first, and a `heal` record says so. Raises LedgerError
        when the newest record is not what its hash says, LockedError when others add for too long,
        StorageError when the disk is full.
        """
        if not entries:
            return []
        with self._locked():
            tail = _read_tail(self.file)
            _require_sound(self.file, tail.head)
            healing = [("heal", self._set_aside(tail))] if tail.torn else []
            records = list(_linked([*healing, *entries], tail.head))
            self._write(tail.end, b"".join(record.line + b"\n" for record in records))
        return records[len(healing) :]

    def records(self, kind: str | None = None) -> Iterator[Record]:
        """Read all records, or those of a kind, oldest first; LedgerError where the chain does not hold."""
        for found in check_chain(self.lines()):
            if isinstance(found, Break):
                raise _broken(self.file, found)
            if kind is None or found.kind == kind:
                yield found

    def lines(self) -> Iterator[bytes]:
        """Give the lines as they are; a torn last one keeps its lack of an end."""
        try:
            with open(self.file, "rb") as handle:
                yield from handle
        except FileNotFoundError:
            return

    def scan(self, kind: str) -> Iterator[Record]:
        """Give the records of a kind without checking the chain: for what a run looks up again and again."""
        mark = b'"kind":"%s"' % kind.encode()
        for line in self.lines():
            if mark in line[-200:] and (record := Record.parse(line.rstrip(b"\n"))) and record.kind == kind:
                yield record

    def newest(self, kind: str) -> Record | None:
        """Give the newest record of a kind, unchecked; None when there is none."""
        found = None
        for record in self.scan(kind):
            found = record
        return found

    def at(self, seq: int) -> Record | None:
        """Give the record with a number, unchecked; None when there is none."""
        end = b'"seq":%d}\n' % seq
        return next((Record.parse(line[:-1]) for line in self.lines() if line.endswith(end)), None)

    def _set_aside(self, tail: _Tail) -> dict[str, Any]:
        digest = hashlib.sha256(tail.torn).hexdigest()
        path = self.directory / f"torn-{tail.head.seq + 1 if tail.head else 1}-{digest[:8]}.bin"
        replace_bytes(path, tail.torn)
        return {
            "what": "torn line set aside",
            "file": path.name,
            "bytes": len(tail.torn),
            "sha256": digest,
        }

    def _write(self, begin: int, content: bytes) -> None:
        is_new = not self.file.exists()
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            _write_all(descriptor, content, begin)
            os.ftruncate(descriptor, begin + len(content))
            os.fsync(descriptor)
        except OSError as error:
            os.ftruncate(descriptor, begin)
            if disk_is_full(error):
                raise full_disk(str(self.file), "The ledger could not be written.") from error
            raise
        finally:
            os.close(descriptor)
        if is_new:
            sync(self.directory)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Wait for others that add; the system releases the lock of a killed one."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.directory / ".lock", "a", encoding="utf-8") as handle:
            end = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > end:
                        raise LockedError(
                            "another process writes the ledger",
                            where=str(self.directory),
                            todo="Wait until it ends; a killed one leaves no lock behind.",
                        ) from None
                    time.sleep(_LOOK)
            yield


def check_chain(lines: Iterable[bytes]) -> Iterator[Record | Break]:
    """Check line by line that numbers, links and hashes hold; after a break the next line counts from itself.

    A last line without an end is what a crash leaves: it is no record, and no break.
    """
    seq, prev = 1, GENESIS
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            return
        record = Record.parse(line[:-1])
        if record is None:
            yield Break(number, "the line is no record")
            seq += 1
            prev = ""
            continue
        yield from _breaks(number, record, seq, prev)
        yield record
        seq, prev = record.seq + 1, record.hash


def _breaks(number: int, record: Record, seq: int, prev: str) -> Iterator[Break]:
    if record.seq > seq:
        gone = f"record {seq}" if record.seq == seq + 1 else f"records {seq} to {record.seq - 1}"
        yield Break(number, f"{gone} {'is' if record.seq == seq + 1 else 'are'} missing here")
    elif record.seq < seq:
        yield Break(number, f"record {record.seq} stands in the place of record {seq}")
    elif prev and record.prev != prev:
        yield Break(number, f"record {record.seq} does not follow the record before it", prev, record.prev)
    own = record.digest()
    if own != record.hash:
        yield Break(number, f"record {record.seq} is not what was written", record.hash, own)


def _linked(entries: Iterable[tuple[str, Mapping[str, Any]]], head: Record | None) -> Iterator[Record]:
    seq, prev = (head.seq, head.hash) if head else (0, GENESIS)
    for kind, body in entries:
        record = Record.new(seq + 1, kind, body, prev)
        yield record
        seq, prev = record.seq, record.hash


def _read_tail(path: Path) -> _Tail:
    """Find the last whole record, reading from the end."""
    try:
        with open(path, "rb") as handle:
            begin, content = handle.seek(0, os.SEEK_END), b""
            while begin > 0:
                step = min(begin, max(_BLOCK, len(content)))
                begin -= step
                handle.seek(begin)
                content = handle.read(step) + content
                found = _last_record(content, begin)
                if found:
                    return found
    except FileNotFoundError:
        return _Tail(None, 0)
    if content.count(b"\n") > 1:
        raise _broken(path, Break(content.count(b"\n"), "the last lines are no records"))
    return _Tail(None, 0, content)


def _last_record(content: bytes, begin: int) -> _Tail | None:
    """Look at the end of the file: the last line, or the one before it when that is torn."""
    end = content.rfind(b"\n") + 1
    for _ in range(2):
        start = content.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if end == 0 or (start == 0 and begin > 0):
            return None
        if record := Record.parse(content[start : end - 1]):
            return _Tail(record, begin + end, content[end:])
        end = start
    return None


def _require_sound(path: Path, head: Record | None) -> None:
    if head and head.digest() != head.hash:
        raise _broken(path, Break(0, f"record {head.seq} is not what was written", head.hash, head.digest()))


def _broken(path: Path, found: Break) -> LedgerError:
    told = f" Its hash is {found.found[:12]}…, expected {found.expected[:12]}…" if found.expected else ""
    return LedgerError(
        "the ledger is not what it was",
        where=f"{path}:{found.line}" if found.line else str(path),
        why=f"{found.what[:1].upper()}{found.what[1:]}.{told}",
        todo=_RESTORE,
        code="damaged-ledger",
    )


def _write_all(descriptor: int, content: bytes, begin: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, begin)
        view, begin = view[written:], begin + written
