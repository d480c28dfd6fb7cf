"""What is wrong on purpose, where it goes, and how much of it there is.

A plan gives each kind of defect one row in every `period` rows. Kinds never share a row, so that the counts
are exact for every as-of day.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as pc  # type: ignore[import-untyped]

from plumbline.demo import text
from plumbline.demo.randomness import Flags, Ints
from plumbline.demo.text import Rows

DUPLICATE, SUPERSEDED = "duplicate", "superseded"
QUARANTINED = ("bad-date", "bad-number", "missing", "orphan")
REPAIRED = ("blank", "padded", "full-width", "date-slash", "date-compact")
KEPT = ("late", "corrected", "refund", "unknown-customer")
_BAD_NUMBERS = ("1.234,56", "n/a")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


@dataclass(frozen=True)
class Defect:
    """A kind of defect and the column it spoils; `adds` puts the spoilt row beside the sound one."""

    kind: str
    column: str = ""
    adds: bool = False


@dataclass(frozen=True)
class Plan:
    """Where defects go: one of each in every run of `period` rows."""

    period: int
    defects: tuple[Defect, ...]

    def codes(self, sequence: Ints) -> Ints:
        """Give each row, by its number in the table, the index of its defect plus one; 0 is sound."""
        step = max(1, min(11, self.period // len(self.defects)))
        turn = sequence // self.period
        slot = (sequence + turn * 37) % self.period
        hit = (slot % step == step - 1) & (slot // step < len(self.defects))
        return np.where(hit, slot // step + 1, 0)

    def code(self, kind: str) -> int:
        """Give the code of the first defect of that kind."""
        return 1 + next(index for index, defect in enumerate(self.defects) if defect.kind == kind)

    def of(self, codes: Ints, kind: str) -> Flags:
        """Tell which rows have the kind."""
        return np.asarray(codes == self.code(kind))


@dataclass
class Tally:
    """Counts what was planted, as it stands in the files."""

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def rows(self, table: str, count: int) -> None:
        """Count rows as they stand in the files, repeated and spoilt ones included."""
        self._entry(table)["rows"] += int(count)

    def add(self, table: str, kind: str, count: int) -> None:
        """Count planted rows of one kind."""
        if not count:
            return
        entry = self._entry(table)
        if kind in (DUPLICATE, SUPERSEDED):
            entry[kind] += int(count)
            return
        group = next(
            name
            for name, kinds in (("quarantined", QUARANTINED), ("repaired", REPAIRED), ("kept", KEPT))
            if kind in kinds
        )
        entry[group][kind] = entry[group].get(kind, 0) + int(count)

    def _entry(self, table: str) -> dict[str, Any]:
        return self.tables.setdefault(
            table, {"rows": 0, DUPLICATE: 0, SUPERSEDED: 0, "quarantined": {}, "repaired": {}, "kept": {}}
        )


@dataclass(frozen=True)
class Correction:
    """The second version of rows: which rows, the column that changes, its new text, and when."""

    rows: Flags
    column: str
    values: text.Column
    at: Ints


def untidy(
    table: str,
    rows: Rows,
    codes: Ints,
    plan: Plan,
    tally: Tally,
    *,
    dates: tuple[str, ...] = (),
    correction: Correction | None = None,
) -> tuple[Rows, Ints]:
    """Spoil the rows of a file by their codes; give the result and the row that each row came from.

    Rows with a correction stay as they were first entered and are followed by the corrected row. `dates` are
    the columns that the date formats change.
    """
    count = len(codes)
    origin = [np.arange(count, dtype=np.int64)]
    parts = [rows]
    for code, defect in enumerate(plan.defects, start=1):
        mask = codes == code
        if not mask.any() or defect.kind in KEPT:
            continue
        if defect.kind == SUPERSEDED:
            if correction is None:
                continue
            mask = correction.rows & mask
            changed = {
                **rows,
                correction.column: correction.values,
                "ModifiedDate": text.moments(correction.at),
            }
            parts.append(text.filter_rows(changed, mask))
            origin.append(np.flatnonzero(mask))
        elif defect.kind == DUPLICATE:
            parts.append(text.filter_rows(rows, mask))
            origin.append(np.flatnonzero(mask))
        elif defect.adds:
            parts.append(text.filter_rows(_spoil(rows, mask, defect, dates), mask))
            origin.append(np.flatnonzero(mask))
        else:
            mask = _applicable(rows, mask, defect)
            rows = parts[0] = _spoil(rows, mask, defect, dates)
        tally.add(table, defect.kind, int(mask.sum()))
    came_from = np.concatenate(origin)
    order = np.argsort(came_from, kind="stable")
    tally.rows(table, len(order))
    return text.take_rows(text.concat_rows(parts), order), came_from[order]


def _applicable(rows: Rows, mask: Flags, defect: Defect) -> Flags:
    """Leave out rows where there is nothing to widen or to pad."""
    if defect.kind not in ("full-width", "padded"):
        return mask
    some_ascii = pc.match_substring_regex(rows[defect.column].text, "[!-~]").fill_null(False)
    return np.asarray(mask & np.asarray(some_ascii))


def _spoil(rows: Rows, mask: Flags, defect: Defect, dates: tuple[str, ...]) -> Rows:
    """Spoil the masked rows in place of what they were."""
    if defect.kind in _DATE_FORMATS:
        change = _DATE_FORMATS[defect.kind]
        return {
            name: column.rewrite(mask, change) if name in dates else column for name, column in rows.items()
        }
    column = rows[defect.column]
    if defect.kind == "bad-number":
        bad = [_BAD_NUMBERS[row % 2] for row in range(int(mask.sum()))]
        spoilt = column.put(mask, text.words(bad).text)
    elif defect.kind == "missing":
        spoilt = column.put(mask, "")
    elif defect.kind == "blank":
        spoilt = column.put(mask, "  ")
    else:
        spoilt = column.rewrite(mask, _CHANGES[defect.kind])
    return {**rows, defect.column: spoilt}


def _slashes(value: str) -> str:
    """2024-03-05 → 2024/3/5."""
    match = _ISO.fullmatch(value)
    return f"{match[1]}/{int(match[2])}/{int(match[3])}" if match else value


def _compact(value: str) -> str:
    """2024-03-05 → 20240305."""
    return value.replace("-", "") if _ISO.fullmatch(value) else value


def _impossible(value: str) -> str:
    """Give a day that no calendar has, in the same year: 2024-03-05 → 2024-02-30."""
    return f"{value[:4]}-02-30{value[10:]}"


_DATE_FORMATS: dict[str, Callable[[str], str]] = {"date-slash": _slashes, "date-compact": _compact}
_CHANGES: dict[str, Callable[[str], str]] = {
    "bad-date": _impossible,
    "padded": lambda value: f"  {value} ",
    "full-width": text.full_width,
}
