"""What models are made with: other models, seeds, macros, declared sources, settings, code of the project."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from plumbline.governance.passage import Passage, block
from plumbline.yaml_lines import read_yaml

# The model, behind the package that may stand before it.
_REF = re.compile(r"""\bref\((?:\s*['"]\w+['"]\s*,)?\s*['"](\w+)['"]""")
_CALL = re.compile(r"\b(\w+)\s*\(")
_DISPATCH = re.compile(r"""\bdispatch\(\s*['"](\w+)['"]""")
# The first two texts that something is called with: `source('erp', 'line')`, `staged_rows('erp', 'line', …)`.
_TWO_TEXTS = re.compile(r"""\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]""")
_MACRO = re.compile(
    r"\{%-?\s*(macro|materialization)\s+(\w+).*?\{%-?\s*end(?:macro|materialization)\s*-?%\}", re.DOTALL
)
# Of all, and of a company in `orchestration/`.
_SETTINGS = "dbt_project.yml"
_OF_COMPANY = ("sources", "trust")
# Code that lies in the project: what runs it, and the engine, but for what only shows figures, or is asked.
_LAUNCHER, _ENGINE = "orchestration", "plumbline"
_SHOWING = frozenset({"access", "audit", "cli", "demo", "serving"})


class Upstream:
    """What models of a project are made with; each file is read once.

    `company` names the files that say where its extracts come from, and who may pass what: nobody grants
    the right to pass a figure to themselves.
    """

    def __init__(self, root: Path, company: str = "") -> None:
        self._root, self._company = root, company

    def of(self, models: Iterable[str]) -> Iterator[Passage]:
        """Give what some models are made with, and what that is made with, but not the models themselves."""
        own = {("model", name) for name in models}
        pending, seen = [*own, *(key for key in self._made if key[0] == "materialization")], {*own}
        yield from self._settings()
        yield from self._code
        while pending:
            key = pending.pop()
            passages, text = self._made.get(key, ([], ""))
            yield from (() if key in own else passages)
            yield from self._described.get(key, ())
            found = [each for each in self._used_in(text) if each not in seen]
            seen.update(found)
            pending += found

    def _settings(self) -> Iterator[Passage]:
        """Give the settings of dbt, where the company's extracts come from, and who may do what."""
        for name in (_SETTINGS, *(f"orchestration/{kind}/{self._company}.yml" for kind in _OF_COMPANY)):
            if (self._root / name).is_file():
                yield Passage(name, recent=True)

    @cached_property
    def _code(self) -> list[Passage]:
        """Give the Python code of the project by which figures are made, checked and compared."""
        engine = (path for path in (self._root / _ENGINE).glob("*") if path.name not in _SHOWING)
        places = [self._root / _LAUNCHER, *engine]
        found = [self._name(path) for path in places if path.suffix == ".py" and path.is_file()]
        found += [f"{self._name(path)}/*.py" for path in places if any(path.rglob("*.py"))]
        return [Passage(name, recent=True) for name in sorted(found)]

    def _used_in(self, text: str) -> Iterator[tuple[str, str]]:
        """Name the models, macros and tables of sources that a text names."""
        for name in dict.fromkeys(_REF.findall(text)):
            yield "model", name
        for name in dict.fromkeys([*_CALL.findall(text), *_DISPATCH.findall(text)]):
            if ("macro", name) in self._made:
                yield "macro", name
        for system, table in dict.fromkeys(_TWO_TEXTS.findall(text)):
            if ("table", f"{system}.{table}") in self._described:
                yield "table", f"{system}.{table}"

    @cached_property
    def _made(self) -> dict[tuple[str, str], tuple[list[Passage], str]]:
        """Give the passages and the text of each model, seed and macro; `x__name` is `name` of an engine."""
        found: dict[tuple[str, str], tuple[list[Passage], str]] = {}
        for folder, suffix in (("seeds", "csv"), ("models", "sql")):
            for path in sorted((self._root / folder).rglob(f"*.{suffix}")):
                text = path.read_text(encoding="utf-8") if suffix == "sql" else ""
                found["model", path.stem] = ([Passage(self._name(path), recent=True)], text)
        for path in sorted((self._root / "macros").rglob("*.sql")):
            content = path.read_text(encoding="utf-8")
            for match in _MACRO.finditer(content):
                first, last = (content.count("\n", 0, at) + 1 for at in match.span())
                passage = Passage(self._name(path), first, last, recent=True)
                kind, name = match.group(1, 2)
                for known_as in {name, name.partition("__")[2] or name}:
                    passages, text = found.get((kind, known_as), ([], ""))
                    found[kind, known_as] = ([*passages, passage], text + match[0])
        return found

    @cached_property
    def _described(self) -> dict[tuple[str, str], list[Passage]]:
        """Give what YAML says of each model, seed, and table of a source."""
        found: dict[tuple[str, str], list[Passage]] = {}
        for path in sorted(
            file for name in ("models", "seeds") for file in (self._root / name).rglob("*.yml")
        ):
            told, lines = read_yaml(path, self._root), path.read_text(encoding="utf-8").splitlines()
            for kind, name, line in _items(told.content, told.lines):
                passage = Passage(self._name(path), *block(lines, line), recent=True)
                found.setdefault((kind, name), []).append(passage)
        return found

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _items(content: object, lines: dict[tuple[str | int, ...], int]) -> Iterator[tuple[str, str, int]]:
    """Give kind, name and line of what a YAML file describes."""
    for section in ("models", "seeds"):
        for number, item in _listed(content, section):
            yield "model", str(item.get("name")), lines[section, number]
    for number, source in _listed(content, "sources"):
        for below, table in _listed(source, "tables"):
            place = ("sources", number, "tables", below)
            yield "table", f"{source.get('name')}.{table.get('name')}", lines[place]


def _listed(content: object, key: str) -> Iterator[tuple[int, dict[str, object]]]:
    items = content.get(key) if isinstance(content, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield number, item
