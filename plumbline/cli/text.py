"""Plain-text tables that stay aligned with Chinese characters."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Units that are fractions, and the sign that they are shown with, times 100.
SHARES = {"ratio": "%", "percentage_points": "pp"}
# What stands behind a figure of these units; where there is none, the figure stands alone.
SUFFIXES = {"times": "×", "days": " days", "hours": " h", "minutes": " min"}
_LIGHTS = {"green": 32, "amber": 33, "red": 31}
_COLOURS = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True)
class Column:
    """A heading, and whether its cells stand at the right."""

    heading: str
    right: bool = False


def display_width(text: str) -> int:
    """Count terminal cells: wide characters take two, combining ones and colours none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in _COLOURS.sub("", text)
    )


def paint(light: str) -> str:
    """Colour the word of a light where standard output is a terminal that shows colours."""
    if light in _LIGHTS and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        return f"\x1b[{_LIGHTS[light]}m{light}\x1b[0m"
    return light


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
