"""What people call things: metrics and dimensions by name, label or synonym, in English or Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from plumbline.definitions import METRIC_TIME, TIMES, Definitions, GroupBy, parse_group_by
from plumbline.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from plumbline.compiler.graph import Graph

_PERIODS = {
    "day": ("day", "daily", "日", "天"),
    "week": ("week", "weekly", "周", "星期"),
    "month": ("month", "monthly", "月", "月份"),
    "quarter": ("quarter", "quarterly", "季", "季度"),
    "year": ("year", "yearly", "年", "年度"),
}
_GRAIN_OF = {word: grain for grain, words in _PERIODS.items() for word in words}
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[^\W\d]\w*|.""", re.DOTALL)

_CJK = range(0x2E80, 0xA000)
_BEYOND = re.compile(r"--|/\*|;|\bselect\b", re.IGNORECASE)
_KEYWORDS = {
    *(
        "AND",
        "AS",
        "BETWEEN",
        "CASE",
        "CAST",
        "DATE",
        "DAY",
        "DISTINCT",
        "ELSE",
        "END",
        "ESCAPE",
        "FALSE",
        "FROM",
    ),
    *("ILIKE", "IN", "INTERVAL", "IS", "LIKE", "MONTH", "NOT", "NULL", "OR", "QUARTER", "THEN", "TIMESTAMP"),
    *("TRUE", "WEEK", "WHEN", "YEAR"),
}


class Vocabulary:
    """Find metrics and dimensions by what people call them."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._found: dict[str, set[str]] = {}

    def metric(self, text: str) -> str:
        """Name the metric; raises DefinitionError when none or several are called so."""
        if text in self.definitions.metrics:
            return text
        found = self._metrics.get(_plain(text), [])
        if len(found) == 1:
            return found[0]
        raise _unclear("metric", text, found, self._metrics_called)

    def group_by(self, text: str, metrics: Sequence[str], grain: str = "") -> GroupBy:
        """Name what to group by; `grain` applies to a bare `metric_time`."""
        if text.strip().lower() in _GRAIN_OF:
            return GroupBy(METRIC_TIME, _GRAIN_OF[text.strip().lower()])
        item = parse_group_by(text)
        if item.name == METRIC_TIME:
            return GroupBy(METRIC_TIME, item.grain or grain or "day")
        if item.name in self.definitions.dimensions:
            return self._with_grain(item)
        if item.name in self.definitions.entities:
            return item
        found = self._dimensions_called(text, metrics)
        if len(found) == 1:
            return self._with_grain(GroupBy(found[0]))
        if not found and "__" in text and self._is_path(item.name):
            return item
        raise _unclear("dimension", text, found, self._words_for(metrics))

    def grain(self, text: str) -> str:
        """Name a grain: `month`, `monthly`, `月`."""
        try:
            return _GRAIN_OF[text.strip().lower()]
        except KeyError:
            hint = did_you_mean(text, list(_PERIODS)) or f"Known: {', '.join(_PERIODS)}."
            raise DefinitionError(f"unknown grain {text!r}", todo=hint, code="unknown-grain") from None

    def where(self, text: str, metrics: Sequence[str]) -> str:
        """Write a condition for the compiler: names of dimensions become its templates.

        A metric that is asked for filters the result by its value. Raises DefinitionError for any other name.
        """
        tokens = _TOKEN.findall(text)
        _require_comparison(text, tokens)
        template = text if "{{" in text else "".join(self._template(token, metrics) for token in tokens)
        self._check_names(text, template, metrics)
        return template

    def base_grain(self, metric: str) -> str:
        """Give the length of time by which the data of a metric are: the longest of its measures'."""
        found = [
            dimension.grain or "day"
            for measure in self._measures_of(metric)
            if (model := self.definitions.model_of(measure))
            and (taken := self.definitions.measure(measure))
            and (dimension := model.dimension(taken.time_dimension))
        ]
        return max(found, key=TIMES.index, default="day")

    def times(self, metric: str) -> set[str]:
        """Name the dimensions that are the time of the metric itself."""
        return {
            f"{model.primary_entity}__{found.time_dimension}"
            for measure in self._measures_of(metric)
            if (model := self.definitions.model_of(measure)) and (found := self.definitions.measure(measure))
        }

    def dimensions(self, metrics: Sequence[str]) -> list[str]:
        """Name the dimensions that all of the metrics can be split by; without metrics all there are."""
        if not metrics:
            return sorted(self.definitions.dimensions)
        reachable = [self._reachable(name) for name in metrics]
        return sorted(set.intersection(*reachable))

    @cached_property
    def _metrics(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for metric in self.definitions.metrics.values():
            told = metric.governance
            words = (metric.name, metric.label, told.label_zh, *told.synonyms, *told.synonyms_zh)
            for word in dict.fromkeys(_plain(word) for word in words if word):
                found.setdefault(word, []).append(metric.name)
        return found

    @property
    def _metrics_called(self) -> list[str]:
        labels = (
            (metric.name, metric.label, metric.governance.label_zh, *metric.governance.synonyms)
            for metric in self.definitions.metrics.values()
        )
        return [word for words in labels for word in words if word]

    def _with_grain(self, item: GroupBy) -> GroupBy:
        """Give a time its own grain when none was asked for: the answer's column is named after it."""
        dimension = self.definitions.dimensions[item.name]
        return GroupBy(item.name, item.grain or dimension.grain) if dimension.type == "time" else item

    def _dimensions_called(self, text: str, metrics: Sequence[str]) -> list[str]:
        word = _plain(text)
        named = [
            name
            for name, dimension in self.definitions.dimensions.items()
            if word in {_plain(dimension.label), _plain(dimension.label_zh), _plain(dimension.name)}
        ]
        reachable = set(self.dimensions(metrics))
        return [name for name in named if name in reachable] or named

    def _words_for(self, metrics: Sequence[str]) -> list[str]:
        names = self.dimensions(metrics)
        known = self.definitions.dimensions
        labels = [word for name in names for word in (known[name].label, known[name].label_zh) if word]
        return [METRIC_TIME, *_PERIODS, *names, *labels]

    def _is_path(self, name: str) -> bool:
        return "__".join(name.split("__")[-2:]) in self.definitions.dimensions

    def _template(self, token: str, metrics: Sequence[str]) -> str:
        if token.startswith("'"):
            return token
        text = token.strip('"')
        item = parse_group_by(text)
        dimension = self.definitions.dimensions.get(item.name)
        if dimension is None and item.name != METRIC_TIME and item.name not in self.definitions.entities:
            called = [] if token.upper() in _KEYWORDS else self._dimensions_called(text, metrics)
            if text in metrics or not called:
                return self._metric_in(token, text)
            if len(called) != 1:
                return token
            item = GroupBy(called[0])
            dimension = self.definitions.dimensions[called[0]]
        if item.name == METRIC_TIME or (dimension and dimension.type == "time"):
            return f"{{{{ TimeDimension('{item.name}', '{item.grain or 'day'}') }}}}"
        return f"{{{{ {'Dimension' if dimension else 'Entity'}('{item.name}') }}}}"

    def _metric_in(self, token: str, text: str) -> str:
        """Name the metric that a condition means by a label; anything else stays as it is written."""
        found = [] if token.upper() in _KEYWORDS else self._metrics.get(_plain(text), [])
        return found[0] if len(found) == 1 else token

    def _check_names(self, text: str, template: str, metrics: Sequence[str]) -> None:
        """Refuse what a condition names and the answer cannot have."""
        from plumbline.compiler.expressions import bare_names
        from plumbline.compiler.templates import read_template

        try:
            names = bare_names(read_template(template), "duckdb")
        except DefinitionError as error:
            raise _bad_condition(text, error.why) from None
        for name in names:
            if name in self.definitions.metrics and name not in metrics:
                raise DefinitionError(
                    f"the condition {text!r} compares {name!r}, which is not asked for",
                    todo=f"Ask for {name} too.",
                    code="not-asked-for",
                )
            if name not in metrics:
                raise self._unknown_in(text, name, metrics)

    def _unknown_in(self, text: str, name: str, metrics: Sequence[str]) -> DefinitionError:
        found = self._dimensions_called(name, metrics)
        if found:
            return _unclear("dimension", name, found, ())
        if f'"{name}"' in text:
            return _bad_condition(text, f"There is no dimension {name!r}; a value stands in single quotes.")
        unknown = _unclear("dimension", name, (), [*self._words_for(metrics), *metrics])
        return DefinitionError(unknown.what, where=text, todo=unknown.todo, code=unknown.code)

    def _reachable(self, metric: str) -> set[str]:
        if metric not in self._found:
            models = list(dict.fromkeys(self._models_of(metric)))
            self._found[metric] = {name for name in self.definitions.dimensions if self._leads(models, name)}
        return self._found[metric]

    def _leads(self, models: Sequence[str], name: str) -> bool:
        try:
            return bool(models and self._graph.resolve(models, GroupBy(name), ""))
        except DefinitionError:
            return False

    @cached_property
    def _graph(self) -> Graph:
        from plumbline.compiler.graph import Graph

        return Graph(self.definitions)

    def _models_of(self, metric: str) -> Iterator[str]:
        for measure in self._measures_of(metric):
            model = self.definitions.model_of(measure)
            if model:
                yield model.name

    def _measures_of(self, metric: str) -> Iterator[str]:
        """Name the measures whose rows the answer groups: of a conversion, that of the first event."""
        definition = self.definitions.metrics[metric]
        measures = definition.measures[:1] if definition.type == "conversion" else definition.measures
        yield from (measure.name for measure in measures)
        for item in definition.inputs:
            yield from self._measures_of(item.name)


def is_chinese(texts: Iterable[str]) -> bool:
    """Tell whether somebody writes Chinese."""
    return any(ord(character) in _CJK for text in texts for character in text)


def _plain(text: str) -> str:
    """Fold case, width, blanks and underscores, which people write as they like."""
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", text).casefold())


def _require_comparison(text: str, tokens: Sequence[str]) -> None:
    """Refuse what reaches beyond the rows at hand; what is left is for the database to understand."""
    code = "".join("''" if token[0] in "'\"" else token for token in tokens)
    if _BEYOND.search(code) or not _is_balanced(code):
        raise _bad_condition(text, "It is more than a comparison.")


def _bad_condition(text: str, why: str) -> DefinitionError:
    return DefinitionError(
        f"the condition {text!r} cannot be understood",
        why=why,
        todo="Write `product__category = 'Bikes'`, joined by AND, OR and NOT: no query, no comment.",
        code="bad-condition",
    )


def _is_balanced(code: str) -> bool:
    depth = 0
    for character in code:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def _unclear(kind: str, text: str, found: Sequence[str], known: Iterable[str]) -> DefinitionError:
    if found:
        return DefinitionError(
            f"{text!r} is the name of several {kind}s",
            todo=f"Say which: {', '.join(sorted(found))}.",
            code=f"ambiguous-{kind}",
        )
    hint = did_you_mean(text, list(known)) or f"`plumb list {kind}s` names them all."
    return DefinitionError(f"unknown {kind} {text!r}", todo=hint, code=f"unknown-{kind}")
