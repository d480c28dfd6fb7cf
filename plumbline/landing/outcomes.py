"""What became of each extract, and of each table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plumbline.errors import RefusedExtract

LANDED = "landed"
UNCHANGED = "unchanged"
ABSENT = "absent"
REFUSED = "refused"
UNAVAILABLE = "unavailable"
MISSING = "missing"
RELEASED = "released"
_TELL = 3
_GRAVEST_FIRST = (REFUSED, UNAVAILABLE, LANDED, UNCHANGED, RELEASED, ABSENT, MISSING)


class Refused(RefusedExtract):
    """An extract is not accepted: which file, which line, why, and what to do."""

    def __init__(self, reason: str, *, file: str = "", line: int | None = None, todo: str = "") -> None:
        super().__init__(reason, where=f"{file}:{line}" if line else file, todo=todo)
        self.file = file
        self.line = line


@dataclass(frozen=True)
class ExtractOutcome:
    """What became of one extract: a file, a sheet, a table of a database, an endpoint.

    `absent`: it landed once, and is not there now; `missing`: it never came; `released`: it was refused, and
    somebody has settled that. `kept` says where a refused extract lies.
    """

    status: str
    source: str
    load: int | None = None
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    line: int | None = None
    reason: str = ""
    todo: str = ""
    notes: tuple[str, ...] = ()
    kept: str = ""


@dataclass(frozen=True)
class TableOutcome:
    """What became of one table; the gravest of its extracts gives the status."""

    table: str
    status: str
    extracts: tuple[ExtractOutcome, ...] = ()
    reason: str = ""
    todo: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, table: str, extracts: Iterable[ExtractOutcome], seconds: float) -> TableOutcome:
        """Sum up the extracts of a table; there is at least one."""
        found = tuple(extracts)
        status = next(name for name in _GRAVEST_FIRST if any(one.status == name for one in found))
        told = [one for one in found if one.status in (REFUSED, UNAVAILABLE, ABSENT, MISSING)]
        return cls(
            table=table,
            status=status,
            extracts=found,
            reason="\n".join([*(_told(one) for one in told[:_TELL]), *_and_more(told[_TELL:])]),
            todo=told[0].todo if told else "",
            seconds=round(seconds, 3),
        )

    @property
    def rows(self) -> int:
        """Rows that landed now."""
        return sum(one.rows for one in self.extracts if one.status == LANDED)

    @property
    def bytes(self) -> int:
        """Bytes of the extracts that landed now."""
        return sum(one.bytes for one in self.extracts if one.status == LANDED)

    @property
    def load(self) -> int | None:
        """The newest load made now."""
        return max((one.load for one in self.extracts if one.load is not None), default=None)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(note for one in self.extracts for note in one.notes)


def _and_more(rest: list[ExtractOutcome]) -> list[str]:
    return [f"and {len(rest)} more"] if rest else []


def _told(one: ExtractOutcome) -> str:
    place = f"{one.source}:{one.line}" if one.line else one.source
    return " ".join([f"{place}:", *(sentence(text) for text in (one.reason, one.todo, one.kept) if text)])


def sentence(text: str) -> str:
    """End a text with a full stop, unless it ends with a mark already."""
    return text if text.endswith((".", "?", "!", "…", ":")) else f"{text}."


@dataclass(frozen=True)
class OpenRefusal:
    """A refused extract that nothing has replaced: since when, where it is kept (empty: no file), and the
    note that says so."""

    system: str
    table: str
    source: str
    line: int | None
    reason: str
    todo: str
    since: str
    kept: str
    note: str = ""


@dataclass(frozen=True)
class SystemResult:
    """What became of every table that the sources file lists for a system, and what is still refused."""

    system: str
    outcomes: tuple[TableOutcome, ...]
    seconds: float = 0.0
    refusals: tuple[OpenRefusal, ...] = ()

    def __getitem__(self, table: str) -> TableOutcome:
        return next(outcome for outcome in self.outcomes if outcome.table == table)

    @property
    def rows(self) -> int:
        return sum(outcome.rows for outcome in self.outcomes)
