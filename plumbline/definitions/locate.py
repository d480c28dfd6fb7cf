"""Read from metrics/ what dbt's semantic manifest leaves out: file, line, and the meta of saved queries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbline.definitions.model import Location

_SECTION = re.compile(r"(\w+):")
_ITEM = re.compile(r"( *)- (?:name: *|\{ *name: *)[\"']?([\w.]+)")


@dataclass(frozen=True)
class Written:
    """What the YAML files say themselves; the first definition of a name wins."""

    files: tuple[str, ...] = ()
    places: Mapping[tuple[str, str], Location] = field(default_factory=dict)
    saved_query_meta: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_files(project: Path) -> Written:
    """Scan metrics/**/*.yml of a project."""
    files: list[str] = []
    places: dict[tuple[str, str], Location] = {}
    meta: dict[str, Mapping[str, Any]] = {}
    for path in sorted((project / "metrics").rglob("*.y*ml")):
        name = path.relative_to(project).as_posix()
        lines = path.read_text(encoding="utf-8").splitlines()
        files.append(name)
        for section, item, number in _items(lines):
            places.setdefault((section, item), Location(name, number))
        meta |= _saved_query_meta(lines)
    return Written(tuple(files), places, meta)


def _items(lines: list[str]) -> Iterator[tuple[str, str, int]]:
    """Name the items of each top-level list: those with the indentation of the list's first item."""
    section, indent = "", -1
    for number, line in enumerate(lines, start=1):
        if top := _SECTION.match(line):
            section, indent = top[1], -1
        elif item := _ITEM.match(line):
            indent = len(item[1]) if indent < 0 else indent
            if len(item[1]) == indent:
                yield section, item[2], number


def _saved_query_meta(lines: list[str]) -> dict[str, Mapping[str, Any]]:
    """Parse only the saved queries: dbt keeps their `config.meta` out of the semantic manifest."""
    if "saved_queries:" not in lines:
        return {}
    import yaml

    start = lines.index("saved_queries:")
    rest = lines[start + 1 :]
    length = next((n for n, line in enumerate(rest) if _SECTION.match(line)), len(rest))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    items = yaml.load("\n".join(rest[:length]), Loader=loader) or []
    return {item["name"]: (item.get("config") or {}).get("meta") or {} for item in items}
