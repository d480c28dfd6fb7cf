"""A file of a project, or some of its lines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import filter as filter_names


@dataclass(frozen=True)
class Passage:
    """A file of the project, or some of its lines (from 1; 0 for all of it).

    Of one that is `recent` only changes since the last good publication count, not the last one ever.
    As in git, `*` stands for anything: `plumbline/compiler/*.py` is all code below that directory.
    """

    file: str
    first: int = 0
    last: int = 0
    recent: bool = False

    def is_in(self, files: Collection[str]) -> bool:
        """Tell whether its file, or one that its name stands for, is one of some."""
        return self.file in files or ("*" in self.file and bool(filter_names(files, self.file)))

    def __str__(self) -> str:
        return f"{self.file}:{self.first}" if self.first else self.file


def block(lines: Sequence[str], line: int) -> tuple[int, int]:
    """Give the first and last line of an item of a list: up to the next that is indented no deeper."""
    if not 0 < line <= len(lines):
        return 0, 0
    depth = _indent(lines[line - 1])
    last = line
    for number in range(line + 1, len(lines) + 1):
        if lines[number - 1].strip() and _indent(lines[number - 1]) <= depth:
            break
        last = number
    return line, last


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
