"""Where a project says what a check or a figure rests on: its suite, its model, its definition."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from plumbline.definitions import Definitions, Measure, SemanticModel
from plumbline.definitions.model import Location
from plumbline.governance.passage import Passage, block
from plumbline.governance.upstream import Upstream

_SUITES = "expectations"
_STAGES = ("landing", "staging", "marts", "indicators")
_ITEM = re.compile(r" *- *\{? *name: *[\"']?(\w+)")


class Passages:
    """Finds passages of one project; its files are read once."""

    def __init__(self, root: Path, company: str = "") -> None:
        self._root, self._upstream = root, Upstream(root, company)

    def of_check(self, stage: str, table: str) -> Iterator[Passage]:
        """Give where a check of a table is written, the model that makes the table, and what that reads."""
        _, _, name = table.rpartition(".")
        own = self._root / _SUITES / f"{stage}.py"
        others = (file for file in sorted((self._root / _SUITES).glob("*.py")) if file.stem not in _STAGES)
        for file in (own, *others):
            if file.is_file():
                name_of_file = self._named(file)
                found = [Passage(name_of_file, *lines) for lines in _lines_of_suites(file, {table, name})]
                yield from found or [Passage(name_of_file)] * (file == own)
        for suffix in ("sql", "yml"):
            yield from self._files(f"{name}.{suffix}")
        yield from self._upstream.of([name])

    def of_metrics(self, definitions: Definitions, metrics: Iterable[str]) -> Iterator[Passage]:
        """Give where metrics are defined, with all that go into them: other metrics, and measures."""
        pending, seen = [*metrics], set()
        yield from self._of_measures(definitions, pending)
        while pending:
            name = pending.pop()
            metric = definitions.metrics.get(name)
            if metric is None or name in seen:
                continue
            seen.add(name)
            pending += [item.name for item in metric.inputs]
            yield from self._written(metric.location)

    def of_marts(self, definitions: Definitions, metrics: Iterable[str]) -> Iterator[Passage]:
        """Give the models that make the rows that the metrics count, and what these are made with.

        What rows are split and chosen by is made by other models, which their entities lead to: of these, and
        of their semantic models, recent changes count.
        """
        counted = [model for model, _ in _counted(definitions, metrics)]
        names = [_name_of_mart(model) for model in counted]
        for name in names:
            yield from self._files(f"{name}.sql")
        joined = _joined(definitions, counted)
        for model in joined:
            said = (self._without_measures(whole) for whole in self._written(model.location))
            for passage in (*self._files(f"{_name_of_mart(model)}.sql"), *said):
                yield replace(passage, recent=True)
        yield from self._upstream.of([*names, *map(_name_of_mart, joined)])

    def _of_measures(self, definitions: Definitions, metrics: Iterable[str]) -> Iterator[Passage]:
        """Give where measures of metrics are written, and what their semantic models say before all measures.

        Where a measure is not found, that is the whole semantic model.
        """
        for model, measures in _counted(definitions, metrics):
            for whole in self._written(model.location):
                before = self._without_measures(whole)
                if before != whole:
                    yield before
                lines = self._lines(whole)[before.last - whole.last :] if before != whole else []
                found = {match[1]: at for at, text in lines if (match := _ITEM.match(text))}
                for measure in measures:
                    at = found.get(measure.name)
                    yield from self._written(Location(whole.file, at)) if at else [whole]

    def _without_measures(self, whole: Passage) -> Passage:
        """Give what a semantic model says before its measures; all of it where no line begins them."""
        begin = next((at for at, text in self._lines(whole) if text.strip() == "measures:"), whole.last)
        return replace(whole, last=begin)

    def _lines(self, passage: Passage) -> list[tuple[int, str]]:
        lines = (self._root / passage.file).read_text(encoding="utf-8").splitlines()
        return [*enumerate(lines, start=1)][max(passage.first - 1, 0) : passage.last]

    def _written(self, place: Location) -> Iterator[Passage]:
        """Give the lines of the item that a definition is."""
        file = self._root / place.file
        if file.is_file():
            yield Passage(place.file, *block(file.read_text(encoding="utf-8").splitlines(), place.line))

    def _files(self, name: str) -> Iterator[Passage]:
        for path in sorted((self._root / "models").rglob(name)):
            yield Passage(self._named(path))

    def _named(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _name_of_mart(model: SemanticModel) -> str:
    return model.relation.replace('"', "").rpartition(".")[2]


def _joined(definitions: Definitions, models: Iterable[SemanticModel]) -> list[SemanticModel]:
    """Give the semantic models that entities lead to from some others, however far."""
    begun = [*models]
    pending, found = [*begun], []
    while pending:
        names = {entity.name for entity in pending.pop().entities}
        for model in definitions.models.values():
            keys = {entity.name for entity in model.entities if entity.type != "foreign"}
            if keys & names and model not in begun and model not in found:
                found.append(model)
                pending.append(model)
    return found


def _counted(
    definitions: Definitions, metrics: Iterable[str]
) -> Iterator[tuple[SemanticModel, list[Measure]]]:
    """Give the semantic models whose rows the metrics count, each with the measures that do it."""
    wanted = {measure for name in metrics for measure in _measures(definitions, name, set())}
    for model in definitions.models.values():
        if measures := [measure for measure in model.measures if measure.name in wanted]:
            yield model, measures


def _measures(definitions: Definitions, name: str, seen: set[str]) -> set[str]:
    metric = definitions.metrics.get(name)
    if metric is None or name in seen:
        return set()
    seen.add(name)
    below = (_measures(definitions, item.name, seen) for item in metric.inputs)
    return {item.name for item in metric.measures}.union(*below)


def _lines_of_suites(file: Path, names: set[str]) -> Iterator[tuple[int, int]]:
    """Find the calls that write suites of a table: their first argument names it."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        if isinstance(node.args[0], ast.Constant) and node.args[0].value in names:
            yield node.lineno, node.end_lineno or node.lineno
