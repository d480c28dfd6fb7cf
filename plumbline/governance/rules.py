"""The rules that definitions keep: one function each, pure, listed in RULES."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from plumbline.definitions import Definitions, Governance, Metric
from plumbline.errors import did_you_mean
from plumbline.governance.determinism import Unstable, unstable_definitions, unstable_measures
from plumbline.governance.findings import Finding
from plumbline.governance.keys import UnknownKey

LEVELS = ("strategic", "process", "operational")
DIRECTIONS = ("up", "down", "none")
STATUSES = ("draft", "certified", "deprecated", "retired")
UNITS = (
    *("count", "currency", "days", "hours", "minutes", "people", "percentage_points", "points", "ratio"),
    *("times", "units"),
)
GRAINS = ("day", "week", "month", "quarter", "year", "all")


@dataclass(frozen=True)
class Context:
    """What the rules look at.

    `upstream` gives the sources that feed a mart, `sources` all declared ones, `unstable` the functions in
    models whose result is not fixed, `incomplete` what is found of models whose columns nothing tells,
    `types` the column types of each relation.
    """

    definitions: Definitions
    today: date
    sources: Collection[str] | None = None
    upstream: Mapping[str, Collection[str]] | None = None
    unknown_keys: tuple[UnknownKey, ...] = ()
    unstable: tuple[Unstable, ...] = ()
    incomplete: tuple[Finding, ...] = ()
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def metrics(self) -> Collection[Metric]:
        return self.definitions.metrics.values()


Rule = Callable[[Context], Iterator[Finding]]

# What a metric must say: (part of its governance, what to write there).
_REQUIRED: tuple[tuple[str, Callable[[Governance], object], str], ...] = (
    ("label_zh", lambda told: told.label_zh, "Write `label_zh`, its name in Chinese."),
    ("synonyms", lambda told: told.synonyms, "List under `synonyms` what people also call it."),
    (
        "synonyms_zh",
        lambda told: told.synonyms_zh,
        "List under `synonyms_zh` what people call it in Chinese.",
    ),
    ("domain", lambda told: told.domain, "Write `domain`, the indicator set that it belongs to."),
    ("owner.department", lambda told: told.owner.department, "Write `owner: {department: …, role: …}`."),
    ("owner.role", lambda told: told.owner.role, "Write `owner: {department: …, role: …}`."),
    ("level", lambda told: told.level, f"Write `level`: {', '.join(LEVELS)}."),
    ("unit", lambda told: told.unit, f"Write `unit`: {', '.join(UNITS)}."),
    ("direction", lambda told: told.direction, f"Write `direction`: {', '.join(DIRECTIONS)}."),
    ("sources", lambda told: told.sources, "List under `sources` the extracts it cannot do without."),
    ("review_date", lambda told: told.review_date, "Write `review_date`, when its owner looks at it again."),
    ("version", lambda told: told.version, 'Write `version: "1.0"`; raise it when the meaning changes.'),
    ("status", lambda told: told.status, f"Write `status`: {', '.join(STATUSES)}."),
)
_CHOICES: tuple[tuple[str, Callable[[Governance], tuple[str, ...]], tuple[str, ...]], ...] = (
    ("level", lambda told: (told.level,), LEVELS),
    ("unit", lambda told: (told.unit,), UNITS),
    ("direction", lambda told: (told.direction,), DIRECTIONS),
    ("status", lambda told: (told.status,), STATUSES),
    ("grain", lambda told: told.grains, GRAINS),
)
_TOLD_OF_METRICS = ("label", "description")
_TOLD_OF_TABLES = ("label", "label_zh", "description", "domain", "grain")
_TOLD_OF_DIMENSIONS = ("label", "label_zh")


def metrics_have_a_label_and_a_description(context: Context) -> Iterator[Finding]:
    """A metric says in words what it is."""
    for metric in context.metrics:
        for name in _TOLD_OF_METRICS:
            if not getattr(metric, name):
                todo = f"Write `{name}` in business words."
                yield _finding(metric, f"has no {name}", todo, f"missing-{name}")


def metrics_have_governance(context: Context) -> Iterator[Finding]:
    """A metric names owner, unit, direction, level, sources, review date, version and status."""
    for metric in context.metrics:
        for name, value, todo in _REQUIRED:
            if not value(metric.governance):
                todo = f"{todo} It stands under `config.meta`."
                yield _finding(metric, f"has no {name}", todo, f"missing-{re.sub('[_.]', '-', name)}")


def choices_are_known(context: Context) -> Iterator[Finding]:
    """Level, unit, direction, status and grains are of their lists."""
    for metric in context.metrics:
        for name, values, known in _CHOICES:
            for value in values(metric.governance):
                if value and value not in known:
                    todo = did_you_mean(value, list(known)) or f"Known: {', '.join(known)}."
                    yield _finding(metric, f"has the unknown {name} {value!r}", todo, f"unknown-{name}")


def reviews_are_not_overdue(context: Context) -> Iterator[Finding]:
    """The review date is a date that has not passed."""
    for metric in context.metrics:
        text = metric.governance.review_date
        try:
            overdue = bool(text) and date.fromisoformat(text) < context.today
        except ValueError:
            todo = "Write the date as 2027-06-30."
            yield _finding(metric, f"has the review date {text!r}, which is no date", todo, "bad-review-date")
            continue
        if overdue:
            todo = "Let the owner review it, then set the next `review_date`."
            yield _finding(metric, f"was due for review on {text}", todo, "review-overdue")


def names_mean_one_metric(context: Context) -> Iterator[Finding]:
    """A name, label or synonym belongs to one metric."""
    first: dict[str, Metric] = {}
    for metric in sorted(context.metrics, key=lambda item: (item.location.file, item.location.line)):
        for text in dict.fromkeys(item.strip().casefold() for item in metric.words if item.strip()):
            other = first.setdefault(text, metric)
            if other is not metric:
                todo = f"Keep it at one of them; {other.name!r} stands at {other.location}."
                what = f"is called {text!r}, and so is {other.name!r}"
                yield _finding(metric, what, todo, "shared-name")


def words_mean_one_dimension(context: Context) -> Iterator[Finding]:
    """A label or synonym of a dimension is that of no metric, and of no other dimension of its model."""
    metrics = {word.casefold(): metric.name for metric in context.metrics for word in metric.words}
    for model in context.definitions.models.values():
        first: dict[str, str] = {}
        for dimension in model.dimensions:
            for word in dict.fromkeys(text.casefold() for text in dimension.words):
                other = first.setdefault(word, dimension.name)
                taken = other if other != dimension.name else metrics.get(word, "")
                if taken and word != dimension.name:
                    called = f"dimension {dimension.name!r} of {model.name!r} is called {word!r}"
                    what = f"{called}, and so is {taken!r}"
                    yield Finding(model.location, what, "Keep it at one of them.", "shared-name")


def sources_are_declared(context: Context) -> Iterator[Finding]:
    """Every source of a metric is a table, or a column of one, of the sources files."""
    for metric in context.metrics if context.sources is not None else ():
        for source in _single_sources(metric):
            if source not in (context.sources or ()):
                todo = did_you_mean(source, sorted(context.sources or ()))
                todo = todo or "Declare it in models/staging/<system>/_<system>__sources.yml."
                yield _finding(metric, f"needs the unknown source {source!r}", todo, "unknown-source")


def sources_feed_the_metric(context: Context) -> Iterator[Finding]:
    """Every source of a metric is upstream of a mart that it, or one of its inputs, measures."""
    for metric in context.metrics if context.upstream is not None else ():
        feeding = {
            source
            for mart in _marts(context.definitions, metric)
            for source in (context.upstream or {}).get(mart, ())
        }
        for source in _single_sources(metric):
            table = ".".join(source.split(".")[:2])
            if table not in feeding and source in (context.sources or (source,)):
                todo = (
                    f"It rests on {', '.join(sorted(feeding)) or 'no source'}. Take the others off `sources`."
                )
                yield _finding(
                    metric, f"names the source {source!r}, which does not feed it", todo, "idle-source"
                )


def inputs_exist(context: Context) -> Iterator[Finding]:
    """The measures and metrics that a metric takes are defined."""
    definitions = context.definitions
    for metric in context.metrics:
        for measure in metric.measures:
            if not definitions.measure(measure.name):
                known = [item.name for model in definitions.models.values() for item in model.measures]
                todo = did_you_mean(measure.name, known) or "Define it in metrics/semantic_models/."
                yield _finding(metric, f"uses the unknown measure {measure.name!r}", todo, "unknown-measure")
        for item in metric.inputs:
            if item.name not in definitions.metrics:
                todo = did_you_mean(item.name, list(definitions.metrics)) or "Define it in metrics/."
                yield _finding(metric, f"uses the unknown metric {item.name!r}", todo, "unknown-metric")


def saved_queries_are_labelled(context: Context) -> Iterator[Finding]:
    """A published table has a label in both languages, a description and a domain."""
    for saved in context.definitions.saved_queries.values():
        for name in _TOLD_OF_TABLES:
            if not getattr(saved, name):
                what = f"saved query {saved.name!r} has no {name}"
                todo = f"Write `{name}`" + (
                    "." if name in ("label", "description") else " under `config.meta`."
                )
                yield Finding(saved.location, what, todo, f"missing-{name.replace('_', '-')}")


def dimensions_are_labelled(context: Context) -> Iterator[Finding]:
    """A dimension has a label in both languages."""
    for model in context.definitions.models.values():
        for dimension in model.dimensions:
            for name in _TOLD_OF_DIMENSIONS:
                if not getattr(dimension, name):
                    what = f"dimension {dimension.name!r} of {model.name!r} has no {name}"
                    todo = "Write `label`, and `label_zh` under `config.meta`."
                    yield Finding(model.location, what, todo, f"missing-{name.replace('_', '-')}")


def keys_are_known(context: Context) -> Iterator[Finding]:
    """A definition file has only keys that something reads."""
    for found in context.unknown_keys:
        todo = did_you_mean(found.key, list(found.known)) or f"Known here: {', '.join(sorted(found.known))}."
        yield Finding(found.location, f"unknown key {found.key!r} in {found.owner}", todo, "unknown-key")


def results_are_fixed(context: Context) -> Iterator[Finding]:
    """What is published has the same digits however often, and by however many threads, it is computed."""
    for found in (*context.unstable, *unstable_definitions(context.definitions)):
        yield Finding(found.location, f"{found.owner} uses {found.what}", found.todo, "not-deterministic")
    for model, measure, what, todo in unstable_measures(context.definitions, context.types):
        text = f"measure {measure.name!r} of {model.name!r} {what}"
        yield Finding(model.location, text, todo, "not-deterministic")


def models_with_contracts_are_described(context: Context) -> Iterator[Finding]:
    """A mart says in a YAML file which columns it has, and of which types."""
    yield from context.incomplete


RULES: tuple[Rule, ...] = (
    keys_are_known,
    inputs_exist,
    metrics_have_a_label_and_a_description,
    metrics_have_governance,
    choices_are_known,
    reviews_are_not_overdue,
    names_mean_one_metric,
    words_mean_one_dimension,
    sources_are_declared,
    sources_feed_the_metric,
    saved_queries_are_labelled,
    dimensions_are_labelled,
    results_are_fixed,
    models_with_contracts_are_described,
)


def _finding(metric: Metric, what: str, todo: str, code: str) -> Finding:
    return Finding(metric.location, f"metric {metric.name!r} {what}", todo, code)


def _single_sources(metric: Metric) -> list[str]:
    return [part.strip() for source in metric.governance.sources for part in source.split("|")]


def _marts(definitions: Definitions, metric: Metric, seen: tuple[str, ...] = ()) -> set[str]:
    """Name the semantic models that a metric measures, its inputs included."""
    found = {model.name for item in metric.measures if (model := definitions.model_of(item.name))}
    for item in metric.inputs:
        if item.name in definitions.metrics and item.name not in (*seen, metric.name):
            found |= _marts(definitions, definitions.metrics[item.name], (*seen, metric.name))
    return found
