"""Read from metrics/ what dbt's semantic manifest leaves out: file, line, and the meta of saved queries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbline.definitions.model import Definitions, Location

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
    for path in _files(project):
        name = path.relative_to(project).as_posix()
        lines = path.read_text(encoding="utf-8").splitlines()
        files.append(name)
        for section, item, number in _items(lines):
            places.setdefault((section, item), Location(name, number))
        meta |= _saved_query_meta(lines)
    return Written(tuple(files), places, meta)


def _files(project: Path) -> list[Path]:
    return sorted((project / "metrics").rglob("*.y*ml"))


def where_defined(definitions: Definitions, section: str, name: str) -> str:
    """Tell file and line of a definition for a message; '' where its project is not at hand.

    `section` is metrics, semantic_models or saved_queries. Definitions that were loaded without a project
    know no places: the project is looked for above their manifest.
    """
    if definitions.root:
        found = getattr(definitions, "models" if section == "semantic_models" else section).get(name)
        return str(found.location) if found else ""
    root = project_of(definitions)
    for path in _files(root) if root else ():
        for found, item, number in _items(path.read_text(encoding="utf-8", errors="replace").splitlines()):
            if (found, item) == (section, name):
                return f"{path.relative_to(str(root)).as_posix()}:{number}"
    return ""


def places_of(definitions: Definitions, section: str, names: Iterable[str]) -> list[str]:
    """Tell where each of the names is defined, once per place; see `where_defined`.

    Of `dimensions`, by full names, it is the place of the semantic model that has them.
    """
    if section == "dimensions":
        models = {model.primary_entity: model.name for model in definitions.models.values()}
        keys = (name.rpartition("__")[0].rpartition("__")[2] for name in names)
        return places_of(definitions, "semantic_models", [models[key] for key in keys if key in models])
    found = (where_defined(definitions, section, name) for name in names)
    return list(dict.fromkeys(place for place in found if place))


def project_of(definitions: Definitions) -> Path | None:
    """Find the project that definitions belong to: theirs, or the one above their manifest."""
    if definitions.root:
        return Path(definitions.root)
    above = Path(definitions.manifest).resolve().parents if definitions.manifest else ()
    return next((root for root in above if (root / "dbt_project.yml").is_file()), None)


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
