"""The error tree.

PlumblineError                 every mistake that a user can mend; shown without a traceback
├── ConfigurationError         a file or a setting says something impossible        exit 2
│   └── UsageError             a wrong command line                                 exit 2
├── SourceError                a source system cannot be read                       exit 4
│   ├── SourceUnavailable      down, refused, timed out
│   │   └── SourceDown         nothing of it can be reached, whatever is asked for
│   └── RefusedExtract         read, inspected and refused; it is in quarantine
├── GateError                  the quality gate refused to publish                  exit 3
├── DefinitionError            a metric, semantic model or query that cannot be     exit 2
├── AccessError                who asks is not known, or may not                    exit 2
├── LockedError                another run is at work                               exit 5
├── LimitError                 a question took too long, or its answer is too large exit 1
├── DeliveryError              published, but PostgreSQL could not be brought up    exit 4
└── StorageError               the disk is full or a state file is damaged          exit 1
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

_UNUSABLE_NUMBERS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG}
_DISK_FULL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DISK_FULL_WORDS = ("no space left", "out of disk space", "disk is full", "file too large", "quota exceeded")


class PlumblineError(Exception):
    """Say what went wrong, where, why, and what to do; `code` is stable and fit for programs."""

    exit_code = 1
    default_code = "error"

    def __init__(self, what: str, *, where: str = "", why: str = "", todo: str = "", code: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.todo = todo
        self.code = code or self.default_code

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        lines = [f"{head} [{self.code}]"]
        lines += [f"  {text}" for text in (self.why, self.todo) if text]
        return "\n".join(lines)


class ConfigurationError(PlumblineError):
    """A file or a setting says something impossible."""

    exit_code = 2
    default_code = "configuration"


class UsageError(ConfigurationError):
    """The command line asks for something impossible."""

    default_code = "usage"


class SourceError(PlumblineError):
    """A source system cannot be read."""

    exit_code = 4
    default_code = "source"


class SourceUnavailable(SourceError):
    """The source is down, refuses the connection, or does not answer in time."""

    default_code = "source-unavailable"


class SourceDown(SourceUnavailable):
    """Nothing of a source system can be reached, so there is no use in asking for more of it."""

    default_code = "source-down"


class RefusedExtract(SourceError):
    """The extract was inspected and refused; the file and the reason are in quarantine."""

    default_code = "refused-extract"


class GateError(PlumblineError):
    """A critical expectation failed: nothing was published, the last generation stays."""

    exit_code = 3
    default_code = "gate-critical"


class DefinitionError(PlumblineError):
    """A definition or a query over definitions is wrong."""

    exit_code = 2
    default_code = "definition"


class AccessError(PlumblineError):
    """Who asks is not known, or may not do this."""

    exit_code = 2
    default_code = "access"


class LockedError(PlumblineError):
    """Another run is at work on the same company."""

    exit_code = 5
    default_code = "locked"


class DeliveryError(PlumblineError):
    """What is published could not be brought to PostgreSQL, where the generation before stays."""

    exit_code = 4
    default_code = "postgres"


class LedgerError(PlumblineError):
    """The ledger, or what its witness saw of it, is not what it was."""

    exit_code = 6
    default_code = "damaged-ledger"


class LimitError(PlumblineError):
    """A question took longer, or its answer is larger, than is allowed."""

    default_code = "limit"


class StorageError(PlumblineError):
    """The disk is full, or a state file is damaged."""

    default_code = "storage"


def as_record(error: PlumblineError) -> dict[str, str]:
    """Give an error as JSON can hold it, for another process to raise."""
    parts = ("what", "where", "why", "todo", "code")
    return {"kind": type(error).__name__, **{name: getattr(error, name) for name in parts}}


def from_record(record: dict[str, str]) -> PlumblineError:
    """Give the error that `as_record` described; of its own kind where this process knows it."""
    parts = dict(record)
    kind = _kinds(PlumblineError).get(parts.pop("kind"), PlumblineError)
    return kind(parts.pop("what"), **parts)


def _kinds(kind: type[PlumblineError]) -> dict[str, type[PlumblineError]]:
    found = {kind.__name__: kind}
    for narrower in kind.__subclasses__():
        found |= _kinds(narrower)
    return found


def disk_is_full(error: BaseException | str) -> bool:
    """Recognise a full disk, or a file that may not grow, by what the system and the databases call it."""
    if isinstance(error, OSError) and error.errno in _DISK_FULL_NUMBERS:
        return True
    text = str(error).lower()
    return any(words in text for words in _DISK_FULL_WORDS)


def full_disk(where: str, why: str) -> StorageError:
    """Say that a run met a full disk, and that this costs nothing but the run."""
    return StorageError(
        "the disk is full",
        where=where,
        why=why,
        todo="Free some space and run again: what was left half done is built anew. "
        "What is published stays complete.",
        code="disk-full",
    )


def unusable_path(error: OSError) -> StorageError | None:
    """Say that the system lets this user not read or write at a path; None for errors of another kind."""
    if error.errno not in _UNUSABLE_NUMBERS or not error.filename:
        return None
    return StorageError(
        "this path cannot be used",
        where=str(error.filename),
        why=f"{error.strerror}.",
        todo="Let this user read and write there, or choose another place (of all state: PLUMBLINE_HOME).",
        code="unusable-path",
    )


def closest(name: str, candidates: list[str]) -> list[str]:
    """Give up to three candidates that are spelt nearly so, the closest first.

    Of those that differ in case, blanks and underscores only, the closest stands for all.
    """
    from difflib import get_close_matches

    found = get_close_matches(name, list(dict.fromkeys(candidates)), n=6, cutoff=0.6)
    alike = {text.casefold().replace("_", "").replace(" ", ""): text for text in reversed(found)}
    return [text for text in found if text in alike.values()][:3]


def did_you_mean(name: str, candidates: list[str]) -> str:
    """Suggest the closest candidates: `Did you mean 'revenue'?`, or nothing."""
    return suggested(closest(name, candidates))


def suggested(names: Sequence[str], places: Sequence[str] = ()) -> str:
    """Suggest names, and tell the places where they are defined; nothing for no names."""
    if not names:
        return ""
    where = f" Defined in {', '.join(places)}." if places else ""
    return f"Did you mean {' or '.join(map(repr, names))}?{where}"
