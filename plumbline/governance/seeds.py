"""Read the small tables that people maintain as CSV under seeds/, with the line of every row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plumbline.definitions import Location
from plumbline.errors import did_you_mean
from plumbline.governance.findings import Finding

TARGETS = "seeds/targets.csv"
THRESHOLDS = "seeds/thresholds.csv"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    TARGETS: (
        *("company", "metric", "grain", "period_start", "period_end", "dimension", "member"),
        *("rule", "value", "deadline", "owner", "note"),
    ),
    THRESHOLDS: ("company", "metric", "measured_by", "amber", "red", "note"),
}


@dataclass(frozen=True)
class SeedRow:
    """One row of a seed: its line, and its cells without blanks around them."""

    location: Location
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    @property
    def companies(self) -> tuple[str, ...]:
        """Name the companies that the row is for; `*` means all."""
        return tuple(part.strip() for part in self["company"].split("|"))

    def finding(self, what: str, todo: str, code: str) -> Finding:
        """Tell what is wrong with this row."""
        return Finding(self.location, what, todo, code)


def read_seed(root: Path, name: str) -> tuple[list[SeedRow], list[Finding]]:
    """Read one seed; what cannot be read is told. A project without the file has no rows."""
    path = root / name
    if not path.is_file():
        return [], []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        todo = "Save it as 'CSV UTF-8'; Excel's plain CSV has the encoding of the machine."
        return [], [Finding(Location(name, 1), "the file is not UTF-8", todo, "seed-encoding")]
    lines = list(_lines(text))
    header = [cell.strip() for cell in lines[0][1]] if lines else []
    findings = list(_header_findings(name, header))
    if findings:
        return [], findings
    found = [_row(name, header, number, cells) for number, cells in lines[1:] if any(cells)]
    return (
        [row for row in found if isinstance(row, SeedRow)],
        [row for row in found if isinstance(row, Finding)],
    )


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each record with the line that it begins in."""
    reader = csv.reader(text.splitlines(keepends=True))
    begins = 1
    for cells in reader:
        yield begins, cells
        begins = reader.line_num + 1


def _header_findings(name: str, header: Sequence[str]) -> Iterator[Finding]:
    known = COLUMNS[name]
    place = Location(name, 1)
    for column in header:
        if column not in known:
            todo = did_you_mean(column, list(known)) or f"The columns are {', '.join(known)}."
            yield Finding(place, f"unknown column {column!r}", todo, "seed-columns")
    for column in known:
        if header.count(column) != 1:
            often = "is missing" if column not in header else "is there more than once"
            yield Finding(
                place, f"column {column!r} {often}", f"The columns are {', '.join(known)}.", "seed-columns"
            )


def _row(name: str, header: Sequence[str], number: int, cells: Sequence[str]) -> SeedRow | Finding:
    place = Location(name, number)
    if len(cells) != len(header):
        what = f"the row has {len(cells)} cells instead of {len(header)}"
        return Finding(place, what, "Put text that has a comma in quotes.", "seed-row")
    return SeedRow(place, {column: cell.strip() for column, cell in zip(header, cells, strict=True)})
