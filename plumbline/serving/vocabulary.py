"""What people call things: metrics and dimensions by name, label or synonym, in English or Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from plumbline.definitions import METRIC_TIME, TIMES, Definitions, GroupBy, parse_group_by, places_of
from plumbline.errors import DefinitionError
from plumbline.serving.sight import EVERYTHING, Sight
from plumbline.serving.unknown import (
    ambiguous,
    bad_condition,
    dimension_for_metric,
    grain_unknown,
    metric_for_dimension,
    not_asked_for,
    not_to_compare,
    period_in_condition,
    table_for_metric,
    unknown,
    unknown_in_condition,
)

if TYPE_CHECKING:
    from plumbline.compiler.graph import Graph
    from plumbline.definitions import Dimension, Metric

_PERIODS = {
    "day": ("day", "daily", "日", "天"),
    "week": ("week", "weekly", "周", "星期"),
    "month": ("month", "monthly", "月", "月份"),
    "quarter": ("quarter", "quarterly", "季", "季度"),
    "year": ("year", "yearly", "年", "年度"),
}
_GRAIN_OF = {word: grain for grain, words in _PERIODS.items() for word in words}
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[^\W\d]\w*|.""", re.DOTALL)

# Not 10 % 3, which is what is left over.
_PER_CENT = re.compile(r"(\d+(?:\.\d+)?)\s*[%％](?!\s*[\d(.])")
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
    """Find metrics and dimensions by what people call them; what `sight` hides is nothing's name.

    Who asks where the project is (`is_local`) is also told where that is defined which is suggested.
    """

    def __init__(self, definitions: Definitions, sight: Sight = EVERYTHING, *, is_local: bool = True) -> None:
        self.definitions = definitions
        self.sight = sight
        self._is_local = is_local
        self._found: dict[str, set[str]] = {}

    @cached_property
    def known(self) -> Mapping[str, Metric]:
        """The metrics that can be asked for, by name."""
        return {name: metric for name, metric in self.definitions.metrics.items() if self.sight.sees(name)}

    @cached_property
    def splits(self) -> Mapping[str, Dimension]:
        """The dimensions that can be named, by their full names."""
        return {name: found for name, found in self.definitions.dimensions.items() if self.sight.names(name)}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The entities that can be named."""
        return tuple(name for name in self.definitions.entities if self.sight.names(name))

    def metric(self, text: str) -> str:
        """Name the metric; raises DefinitionError when none or several are called so."""
        if text in self.known:
            return text
        found = self._metrics.get(_plain(text), [])
        if len(found) == 1:
            return found[0]
        raise self._no_metric(text, found)

    def group_by(self, text: str, metrics: Sequence[str], grain: str = "") -> GroupBy:
        """Name what to group by; `grain` applies to a bare `metric_time`."""
        if text.strip().lower() in _GRAIN_OF:
            return GroupBy(METRIC_TIME, _GRAIN_OF[text.strip().lower()])
        item = parse_group_by(text)
        if item.name == METRIC_TIME:
            return GroupBy(METRIC_TIME, item.grain or grain or "day")
        if item.name in self.splits:
            return self._with_grain(item)
        if item.name in self.keys:
            return item
        found = self._dimensions_called(text, metrics)
        if len(found) == 1:
            return self._with_grain(GroupBy(found[0]))
        if not found and "__" in text and self._is_path(item.name):
            return item
        raise self._no_dimension(text, found, metrics)

    def table(self, text: str) -> str:
        """Name the one published table of this name or label that has a metric to ask for; '' for none.

        What a metric is called means the metric.
        """
        word = _plain(text)
        if not word or word in self._metrics:
            return ""
        return self._only(
            [
                saved.name
                for saved in self.definitions.saved_queries.values()
                if word in map(_plain, (saved.name, saved.label, saved.label_zh))
                and {*saved.metrics} & {*self.known}
            ]
        )

    def grain(self, text: str) -> str:
        """Name a grain: `month`, `monthly`, `月`."""
        try:
            return _GRAIN_OF[text.strip().lower()]
        except KeyError:
            raise grain_unknown(text, list(_PERIODS), dimension=self._dimension_meant(text)) from None

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
            return sorted(self.splits)
        reachable = [self._reachable(name) for name in metrics]
        return sorted(set.intersection(*reachable))

    @cached_property
    def _metrics(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for metric in self.known.values():
            for word in dict.fromkeys(map(_plain, metric.words)):
                found.setdefault(word, []).append(metric.name)
        return found

    @property
    def _metrics_called(self) -> list[str]:
        return [word for metric in self.known.values() for word in metric.words]

    def _no_metric(self, text: str, found: Sequence[str]) -> DefinitionError:
        """Say why a text names no metric: several are called so, it is a dimension, or it is unknown."""
        if found:
            return ambiguous("metric", text, found)
        if dimension := self._dimension_meant(text):
            return dimension_for_metric(text, dimension)
        if table := self.table(text):
            metrics = self.definitions.saved_queries[table].metrics
            return table_for_metric(table, [name for name in metrics if name in self.known])
        return unknown("metric", text, self._metrics_called, defined=self._defined)

    def _no_dimension(self, text: str, found: Sequence[str], metrics: Sequence[str]) -> DefinitionError:
        """Say why a text names no dimension: several are called so, it is a metric, or it is unknown."""
        if found:
            return ambiguous("dimension", text, found)
        if metric := self._only(self._metrics.get(_plain(text), [])):
            return metric_for_dimension(text, metric, metrics)
        name, _, last = text.rpartition("__")
        if self._is_time(name):
            return grain_unknown(last, list(_PERIODS), where=text)
        offered = [name for name in self.dimensions(metrics) if self.splits[name].type == "categorical"]
        told = [*_PERIODS, *self._words_for(metrics)]
        return unknown("dimension", text, told, defined=self._defined, possible=offered)

    def _defined(self, words: Sequence[str]) -> list[str]:
        """Tell where the metrics and dimensions of these words are defined."""
        if not self._is_local:
            return []
        metrics = dict.fromkeys(name for word in words for name in self._metrics.get(_plain(word), []))
        others = [word for word in words if _plain(word) not in self._metrics]
        splits = dict.fromkeys(
            name for word in others for name in self._dimensions_called(word, ()) or [word]
        )
        of_metrics = places_of(self.definitions, "metrics", metrics)
        return [*of_metrics, *places_of(self.definitions, "dimensions", splits)]

    def _dimension_meant(self, text: str) -> str:
        """Name the one dimension that a text means; '' when there is none, or more than one."""
        name = parse_group_by(text).name
        return name if name in self.splits else self._only(self._dimensions_called(text, ()))

    def _is_time(self, name: str) -> bool:
        dimension = self.splits.get(name)
        return name == METRIC_TIME or bool(dimension and dimension.type == "time")

    @staticmethod
    def _only(found: Sequence[str]) -> str:
        return found[0] if len(found) == 1 else ""

    def _with_grain(self, item: GroupBy) -> GroupBy:
        """Give a time its own grain when none was asked for: the answer's column is named after it."""
        dimension = self.splits[item.name]
        return GroupBy(item.name, item.grain or dimension.grain) if dimension.type == "time" else item

    def _dimensions_called(self, text: str, metrics: Sequence[str]) -> list[str]:
        word = _plain(text)
        named = [name for name, dimension in self.splits.items() if word in map(_plain, dimension.words)]
        if len(named) < 2:
            return named
        reachable = set(self.dimensions(metrics))
        return [name for name in named if name in reachable] or named

    def _words_for(self, metrics: Sequence[str]) -> list[str]:
        names = self.dimensions(metrics)
        words = [word for name in names for word in self.splits[name].words if word != self.splits[name].name]
        return [METRIC_TIME, *(f"{METRIC_TIME}__{grain}" for grain in _PERIODS), *names, *words]

    def _is_path(self, name: str) -> bool:
        return "__".join(name.split("__")[-2:]) in self.splits

    def _template(self, token: str, metrics: Sequence[str]) -> str:
        if token.startswith("'") or (len(token) == 1 and not token.isalpha()):
            return token
        text = token.strip('"')
        item = parse_group_by(text)
        # The whole way to a dimension, `customer__territory__name`, ends with its name.
        dimension = self.splits.get("__".join(item.name.split("__")[-2:]))
        if dimension is None and item.name != METRIC_TIME and item.name not in self.keys:
            called = [] if token.upper() in _KEYWORDS else self._dimensions_called(text, metrics)
            if text in metrics or not called:
                return self._metric_in(token, text)
            if len(called) != 1:
                return token
            item = GroupBy(called[0])
            dimension = self.splits[called[0]]
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
            read = read_template(template)
            names = bare_names(read, "duckdb")
        except DefinitionError as error:
            raise bad_condition(text, self._blank_in(text) or _per_cent_in(text) or error.why) from None
        self.sight.require(read.references, text)
        for name in names:
            if name in self.known and name not in metrics:
                raise not_asked_for(text, self._written(text, name), name, metrics)
            if name not in metrics:
                raise self._unknown_in(text, name, metrics)
            if name in self.sight.small_groups:
                raise not_to_compare(text, name)
        if template.strip() in metrics:
            raise bad_condition(text, "It compares the metric with nothing.")

    def _unknown_in(self, text: str, name: str, metrics: Sequence[str]) -> DefinitionError:
        """Say why a name in a condition is none: several are called so, a period, or unknown."""
        if found := self._dimensions_called(name, metrics):
            return ambiguous("dimension", name, found, text)
        if found := self._metrics.get(_plain(name), []):
            return ambiguous("metric", name, found, text)
        if grain := _GRAIN_OF.get(name.lower()):
            return period_in_condition(text, name, f"{METRIC_TIME}__{grain}")
        asked = [word for metric in metrics for word in self.definitions.metrics[metric].words]
        known = self._words_for(metrics), self._metrics_called
        return unknown_in_condition(text, name, *known, asked, defined=self._defined)

    def _written(self, text: str, metric: str) -> str:
        """Give the word that a condition names a metric by."""
        words = (token.strip('"') for token in _TOKEN.findall(text))
        return next((word for word in words if metric in self._metrics.get(_plain(word), [])), metric)

    def _blank_in(self, text: str) -> str:
        """Say which name of several words stands without quotes; '' where none does."""
        words = _TOKEN.findall(text)
        for size in (3, 2):
            for start in range(len(words)):
                name = "".join(words[start : start + 2 * size - 1])
                if len(name.split()) == size and self._is_known(name):
                    return f'A name of several words stands in double quotes: "{name}".'
        return ""

    def _is_known(self, text: str) -> bool:
        return bool(self._metrics.get(_plain(text)) or self._dimensions_called(text, ()))

    def _reachable(self, metric: str) -> set[str]:
        if metric not in self._found:
            models = list(dict.fromkeys(self._models_of(metric)))
            self._found[metric] = {name for name in self.splits if self._leads(models, name)}
        return self._found[metric]

    def _leads(self, models: Sequence[str], name: str) -> bool:
        return bool(models) and self._graph.leads(models, name)

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


def _per_cent_in(text: str) -> str:
    """Say how a share is written as a number; '' where none stands in a condition as per cent."""
    code = "".join(token for token in _TOKEN.findall(text) if token[0] not in "'\"")
    found = _PER_CENT.search(code)
    if not found:
        return ""
    share = (Decimal(found[1]) / 100).normalize()
    return f"A share is written as a number: {share:f} for {found[1]}%."


def _require_comparison(text: str, tokens: Sequence[str]) -> None:
    """Refuse what reaches beyond the rows at hand; what is left is for the database to understand."""
    code = "".join("''" if token[0] in "'\"" else token for token in tokens)
    if _BEYOND.search(code) or not _is_balanced(code):
        raise bad_condition(text, "It is more than a comparison.")


def _is_balanced(code: str) -> bool:
    depth = 0
    for character in code:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
