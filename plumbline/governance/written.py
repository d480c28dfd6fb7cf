"""What is wrong with the definition files as they are written: what can be said when dbt cannot read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.definitions import Location
from plumbline.errors import did_you_mean
from plumbline.governance.findings import Finding
from plumbline.governance.keys import unknown_keys

if TYPE_CHECKING:
    from yaml import MappingNode, Node

_NAMED_IN = {
    **dict.fromkeys(("measure", "base_measure", "conversion_measure"), "measure"),
    **dict.fromkeys(("numerator", "denominator", "metric", "metrics"), "metric"),
}
_METRIC_TYPES = ("simple", "ratio", "derived", "cumulative", "conversion")
_CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "metrics": {"type": _METRIC_TYPES},
    "entities": {"type": ("primary", "foreign", "unique", "natural")},
    "dimensions": {"type": ("categorical", "time")},
    "measures": {
        "agg": (
            *("sum", "count", "count_distinct", "average", "min", "max"),
            *("median", "percentile", "sum_boolean"),
        )
    },
}


@dataclass
class _Names:
    """The names that are defined, each with its first place, and those that are used."""

    metric: dict[str, Location] = field(default_factory=dict)
    measure: dict[str, Location] = field(default_factory=dict)
    twice: list[tuple[str, str, Location]] = field(default_factory=list)
    used: list[tuple[str, str, Location]] = field(default_factory=list)

    def define(self, kind: str, name: str, place: Location) -> None:
        known = self.metric if kind == "metric" else self.measure
        if name in known:
            self.twice.append((kind, name, place))
        known.setdefault(name, place)


def written_mistakes(root: Path) -> list[Finding]:
    """Check the YAML of models/ and metrics/, and the keys, types and names that metrics/ uses."""
    read = {path: _read(path, root) for folder in ("models", "metrics") for path in _files(root / folder)}
    broken = [found for found in read.values() if isinstance(found, Finding)]
    if broken:
        return broken
    defining = {
        _place(path, root): node
        for path, node in read.items()
        if path.is_relative_to(root / "metrics") and not isinstance(node, Finding) and node is not None
    }
    found = [*_keys(root, tuple(defining)), *_choices(defining), *_names(defining)]
    return sorted(found, key=lambda finding: (finding.location.file, finding.location.line))


def written_models(root: Path) -> dict[str, Location]:
    """Give the name of every model that has an entry in the YAML of models/, and where it stands."""
    found = {}
    for path in _files(root / "models"):
        node = _read(path, root)
        if node is not None and not isinstance(node, Finding):
            for section, item in _items(node):
                if section == "models":
                    found[_name(item)] = Location(_place(path, root), item.start_mark.line + 1)
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.y*ml"))


def _place(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _read(path: Path, root: Path) -> Node | Finding | None:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node: Node | None = yaml.compose(path.read_text(encoding="utf-8"), Loader=loader)
    except (yaml.MarkedYAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = Location(_place(path, root), mark.line + 1 if mark else 1)
        todo = f"YAML says: {getattr(error, 'problem', None) or error}."
        return Finding(place, "this is no valid YAML", todo, "bad-yaml")
    return node


def _keys(root: Path, files: tuple[str, ...]) -> Iterator[Finding]:
    for found in unknown_keys(root, files):
        todo = did_you_mean(found.key, list(found.known)) or f"Known here: {', '.join(sorted(found.known))}."
        yield Finding(found.location, f"unknown key {found.key!r} in {found.owner}", todo, "unknown-key")


def _choices(files: Mapping[str, Node]) -> Iterator[Finding]:
    for file, top in files.items():
        for section, item in _items(top):
            for part, node in [(section, item), *_items(item)]:
                for key, value in _pairs(node):
                    known = _CHOICES.get(part, {}).get(key)
                    if known and value.value not in known:
                        place = Location(file, value.start_mark.line + 1)
                        what = f"{_name(node)!r} has the unknown {key} {value.value!r}"
                        todo = did_you_mean(str(value.value), list(known)) or f"Known: {', '.join(known)}."
                        yield Finding(
                            place, what, todo, "unknown-aggregate" if key == "agg" else "unknown-type"
                        )


def _names(files: Mapping[str, Node]) -> Iterator[Finding]:
    names = _Names()
    for file, top in files.items():
        for section, item in _items(top):
            _collect(section, item, file, names)
    for kind, name, place in names.twice:
        first = names.metric[name] if kind == "metric" else names.measure[name]
        yield Finding(
            place, f"{kind} {name!r} is defined twice", f"The first stands at {first}.", "defined-twice"
        )
    for kind, name, place in names.used:
        known = {**names.metric, **names.measure} if kind == "metric" else names.measure
        if name not in known:
            todo = did_you_mean(name, list(known)) or f"Define the {kind} in metrics/."
            what = f"the {kind} {name!r} is not defined"
            yield Finding(place, what, todo, "unknown-metric" if kind == "metric" else "unknown-measure")


def _collect(section: str, item: Node, file: str, names: _Names) -> None:
    place = Location(file, item.start_mark.line + 1)
    if section == "metrics":
        names.define("metric", _name(item), place)
    for part, element in _items(item):
        if section == "semantic_models" and part == "measures":
            names.define("measure", _name(element), Location(file, element.start_mark.line + 1))
    for key, value in _pairs(item):
        if key in ("type_params", "query_params"):
            names.used += [
                (kind, str(node.value), Location(file, node.start_mark.line + 1))
                for kind, node in _used(value)
            ]


def _used(node: Node) -> Iterator[tuple[str, Node]]:
    """Find the names of measures and metrics below `type_params` or `query_params`."""
    for key, value in _pairs(node):
        if key in _NAMED_IN:
            yield from ((_NAMED_IN[key], name) for name in _name_nodes(value))
        else:
            yield from _used(value)


def _name_nodes(node: Node) -> Iterator[Node]:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _name_nodes(item)
    elif isinstance(node, yaml.MappingNode):
        yield from (value for key, value in _pairs(node) if key == "name")
    else:
        yield node


def _items(node: Node) -> Iterator[tuple[str, MappingNode]]:
    """Give the mappings in the lists of a mapping, each with the key of its list."""
    import yaml

    for key, value in _pairs(node):
        if isinstance(value, yaml.SequenceNode):
            yield from ((key, item) for item in value.value if isinstance(item, yaml.MappingNode))


def _pairs(node: Node) -> Iterator[tuple[str, Node]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)


def _name(node: Node) -> str:
    return next((str(value.value) for key, value in _pairs(node) if key == "name"), "")
