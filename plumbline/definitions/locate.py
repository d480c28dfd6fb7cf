"""Find the file and line of every definition in metrics/."""

from __future__ import annotations

import re
from pathlib import Path

from plumbline.definitions.model import Location

_SECTION = re.compile(r"(\w+):")
_ITEM = re.compile(r"( *)- (?:name: *|\{ *name: *)[\"']?([\w.]+)")


def locate(project: Path) -> tuple[tuple[str, ...], dict[tuple[str, str], Location]]:
    """Give the YAML files of metrics/ and the place of each (section, name), first one wins."""
    files = sorted(path for path in (project / "metrics").rglob("*.y*ml"))
    places: dict[tuple[str, str], Location] = {}
    for path in files:
        name = path.relative_to(project).as_posix()
        for section, item, line in _items(path.read_text(encoding="utf-8")):
            places.setdefault((section, item), Location(name, line))
    return tuple(path.relative_to(project).as_posix() for path in files), places


def _items(text: str) -> list[tuple[str, str, int]]:
    """Name the items of each top-level list: those with the indentation of the list's first item."""
    found: list[tuple[str, str, int]] = []
    section, indent = "", -1
    for number, line in enumerate(text.splitlines(), start=1):
        if top := _SECTION.match(line):
            section, indent = top[1], -1
        elif item := _ITEM.match(line):
            indent = len(item[1]) if indent < 0 else indent
            if len(item[1]) == indent:
                found.append((section, item[2], number))
    return found
