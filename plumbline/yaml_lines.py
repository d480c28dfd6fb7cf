"""Read YAML and keep the line of every value, so that a complaint can name it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbline.errors import ConfigurationError, PlumblineError, did_you_mean

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlFile:
    """The plain content of a YAML file, and the line of every key and item in it."""

    path: Path
    content: Any
    lines: dict[Place, int] = field(repr=False)

    def where(self, *place: str | int) -> str:
        """Say `file:line` of a value; of the nearest value around it where there is none."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.path}:{self.lines.get(place, 1)}"


def read_yaml(path: Path, root: Path | None = None) -> YamlFile:
    """Read one YAML file; a missing, broken or ambiguous one is a ConfigurationError with its line.

    Complaints name the file as seen from `root`.
    """
    import yaml

    shown = path.relative_to(root) if root and path.is_relative_to(root) else path
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_loader())
    except (OSError, UnicodeDecodeError) as error:
        todo = "It is a text file in UTF-8 that this user may read."
        raise ConfigurationError(
            "cannot read this file", where=str(shown), why=f"{error}.", todo=todo, code="unreadable-file"
        ) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(
            "this is no valid YAML", where=f"{shown}:{line}", why=str(error.problem), code="bad-yaml"
        ) from error
    lines: dict[Place, int] = {}
    content = _plain(node, (), lines, shown) if node is not None else None
    return YamlFile(shown, content, lines)


def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _plain(node: Any, place: Place, lines: dict[Place, int], path: Path) -> Any:
    import yaml

    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, place, lines, path)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), lines, path) for index, item in enumerate(node.value)]
    return _scalar(node, path)


def _plain_mapping(node: Any, place: Place, lines: dict[Place, int], path: Path) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in mapping:
            raise ConfigurationError(
                f"key {key!r} stands here twice",
                where=f"{path}:{line}",
                why=f"the first is in line {lines[(*place, key)]}.",
                todo="Remove one of them.",
                code="duplicate-key",
            )
        lines[(*place, key)] = line
        mapping[key] = _plain(value_node, (*place, key), lines, path)
    return mapping


def _scalar(node: Any, path: Path) -> Any:
    import yaml

    constructor = yaml.constructor.SafeConstructor()
    try:
        return constructor.construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{node.value!r} cannot be read",
            where=f"{path}:{node.start_mark.line + 1}",
            why=f"YAML takes it for a value of another kind: {str(error).splitlines()[0]}.",
            todo="Mend it, or write it in quotes when it is text.",
            code="bad-yaml",
        ) from error


class FileReader:
    """Reads one file and collects every mistake before it complains."""

    def __init__(self, file: YamlFile) -> None:
        self.file = file
        self.problems: list[ConfigurationError] = []

    def _choice(self, node: Mapping[str, Any], key: str, allowed: tuple[str, ...], place: Place) -> str:
        return self._optional_choice(node, key, allowed, place) or allowed[0]

    def _optional_choice(
        self, node: Mapping[str, Any], key: str, allowed: tuple[str, ...], place: Place
    ) -> str | None:
        value = node.get(key)
        if value is None or value in allowed:
            return value
        self._complain(
            (*place, key),
            f"`{key}` cannot be {value!r}",
            todo=did_you_mean(str(value), list(allowed)) or f"It is one of {', '.join(allowed)}.",
        )
        return None

    def _mapping(self, value: object, place: Place) -> Mapping[str, Any]:
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self._complain(place, "a mapping (`key: value`) is expected here")
        return {}

    def _check_keys(self, node: Mapping[str, Any], allowed: tuple[str, ...], place: Place) -> None:
        for key in node:
            if key not in allowed:
                self._complain(
                    (*place, key),
                    f"unknown key {key!r}",
                    todo=did_you_mean(key, list(allowed)) or f"Known keys here: {', '.join(allowed)}.",
                    code="unknown-key",
                )

    def _require_company(self, top: Mapping[str, Any], company: str) -> None:
        """Complain where a file of a company says that it is another's."""
        if top.get("company", company) != company:
            self._complain(
                ("company",),
                f"the file of company {company!r} says company {top['company']!r}",
                todo="The file's name and the company's name are the same.",
            )

    def _complain(self, place: Place, what: str, why: str = "", todo: str = "", code: str = "") -> None:
        self.problems.append(
            ConfigurationError(what, where=self.file.where(*place), why=why, todo=todo, code=code)
        )

    def _raise(self) -> None:
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            first = self.problems[0]
            raise ConfigurationError(
                first.what,
                where=first.where,
                why="\n  ".join(text for text in (first.why, first.todo) if text),
                todo="\n  ".join(["There are more mistakes in this file:", *_indented(self.problems[1:])]),
                code=first.code,
            )


def _indented(problems: list[ConfigurationError]) -> Iterator[str]:
    for problem in problems:
        yield str(PlumblineError.__str__(problem)).replace("\n", "\n  ")
