"""Plain-text tables that stay aligned with Chinese characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Units that are fractions, and the sign that they are shown with, times 100.
SHARES = {"ratio": "%", "percentage_points": "pp"}
# What stands behind a figure of these units; where there is none, the figure stands alone.
SUFFIXES = {"times": "×", "days": " days", "hours": " h", "minutes": " min"}


@dataclass(frozen=True)
class Column:
    """A heading, and whether its cells stand at the right."""

    heading: str
    right: bool = False


def display_width(text: str) -> int:
    """Count terminal cells: wide and full-width characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill `text` with blanks up to `width` terminal cells."""
    blanks = " " * max(width - display_width(text), 0)
    return blanks + text if right else text + blanks


def render_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give the lines of a table: headings, a rule, the rows."""
    widths = [
        max([display_width(column.heading), *(display_width(row[index]) for row in rows)])
        for index, column in enumerate(columns)
    ]
    yield _line([column.heading for column in columns], columns, widths)
    yield "  ".join("─" * width for width in widths)
    for row in rows:
        yield _line(row, columns, widths)


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = (
        pad(cell, width, right=column.right)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    )
    return "  ".join(padded).rstrip()
