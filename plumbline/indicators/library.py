"""The indicator library: what every metric means, in words, and how metrics hang together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from plumbline.compiler.templates import placeholder, read_template
from plumbline.definitions import GRAINS, Definitions, Metric, MetricInput, Window
from plumbline.governance.additivity import counted_over
from plumbline.indicators.availability import Availability, needed_sources
from plumbline.indicators.questions import TOTAL_GRAINS

# The role of a metric in one that adds it up over periods.
ACCUMULATED = "accumulated"
LIBRARY_COLUMNS = (
    ("name", "VARCHAR"),
    ("label", "VARCHAR"),
    ("label_zh", "VARCHAR"),
    ("description", "VARCHAR"),
    ("type", "VARCHAR"),
    ("formula", "VARCHAR"),
    ("counted_over", "VARCHAR"),
    ("unit", "VARCHAR"),
    ("direction", "VARCHAR"),
    ("level", "VARCHAR"),
    ("domain", "VARCHAR"),
    ("owner_department", "VARCHAR"),
    ("owner_role", "VARCHAR"),
    ("synonyms", "VARCHAR"),
    ("synonyms_zh", "VARCHAR"),
    ("sources", "VARCHAR"),
    ("grains", "VARCHAR"),
    ("version", "VARCHAR"),
    ("status", "VARCHAR"),
    ("review_date", "DATE"),
    ("is_component", "BOOLEAN"),
    ("available", "BOOLEAN"),
    ("unavailable_reason", "VARCHAR"),
    ("published_in", "VARCHAR"),
    ("defined_in", "VARCHAR"),
)
EDGE_COLUMNS = (("parent", "VARCHAR"), ("child", "VARCHAR"), ("role", "VARCHAR"))

_AGGREGATES = {
    "sum": "sum of",
    "count": "count of",
    "count_distinct": "distinct count of",
    "median": "median of",
    "percentile": "percentile of",
    "average": "average of",
    "min": "smallest",
    "max": "largest",
    "sum_boolean": "number of rows with",
}


def library_rows(definitions: Definitions, availability: Availability) -> list[tuple[Any, ...]]:
    """One row per metric, by name."""
    return [_row(definitions, availability, metric) for _, metric in sorted(definitions.metrics.items())]


def _row(definitions: Definitions, availability: Availability, metric: Metric) -> tuple[Any, ...]:
    told = metric.governance
    saved_queries = [saved for saved in definitions.saved_queries.values() if metric.name in saved.metrics]
    published_in = [saved.name for saved in saved_queries]
    shown = {saved.time.grain for saved in saved_queries if saved.time}
    grains = [grain for grain in (*GRAINS, "all") if grain in shown or grain in (told.grains or TOTAL_GRAINS)]
    return (
        metric.name,
        metric.label or metric.name,
        told.label_zh,
        metric.description,
        metric.type,
        formula(definitions, metric),
        counted_over(definitions, metric),
        told.unit,
        told.direction,
        told.level,
        told.domain,
        told.owner.department,
        told.owner.role,
        ", ".join(told.synonyms),
        ", ".join(told.synonyms_zh),
        ", ".join(needed_sources(definitions, metric.name)),
        ", ".join(grains),
        told.version,
        told.status,
        _date(told.review_date),
        told.component,
        metric.name in availability,
        availability.reason(metric.name) or None,
        ", ".join(published_in),
        str(metric.location),
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def edge_rows(definitions: Definitions) -> list[tuple[str, str, str]]:
    """One row per metric and input, with the input's role."""
    found = {
        (metric.name, child, role)
        for metric in definitions.metrics.values()
        for child, role in inputs_of(definitions, metric)
    }
    return sorted(found)


def inputs_of(definitions: Definitions, metric: Metric) -> Iterator[tuple[str, str]]:
    """Name the metrics that go into one, with the role of each."""
    if metric.type == "ratio":
        yield metric.numerator, "numerator"
        yield metric.denominator, "denominator"
    elif metric.type == "derived":
        for item in metric.inputs:
            yield item.name, "input" if item.plain else "earlier input"
    elif metric.type == "cumulative":
        taken = metric.measures[0]
        for other in definitions.metrics.values():
            same = other.type == "simple" and other.measures[0].name == taken.name
            filters = (*taken.filters, *metric.filters)
            if same and (*other.measures[0].filters, *other.filters) == filters:
                yield other.name, ACCUMULATED


def formula(definitions: Definitions, metric: Metric) -> str:
    """Say in words how a metric is calculated."""
    if metric.type == "ratio":
        above, below = (_label(definitions, item) for item in metric.inputs)
        return f"{above} ÷ {below}"
    if metric.type == "derived":
        named = ", ".join(_named(definitions, item) for item in metric.inputs)
        return f"{metric.expr}, where {named}"
    if metric.type == "conversion":
        return _conversion(definitions, metric)
    words = _measure(definitions, metric.measures[0].name) if metric.measures else metric.name
    filters = (*metric.measures[0].filters, *metric.filters) if metric.measures else metric.filters
    words += _only(filters)
    if metric.type == "cumulative":
        words += ", " + _reach(metric)
    return words


def _conversion(definitions: Definitions, metric: Metric) -> str:
    base, followed = metric.measures[:2]
    within = f" within {_length(metric.window)}" if metric.window else ""
    counted = f"{_measure(definitions, base.name)}{_only((*base.filters, *metric.filters))}"
    what = f"{_measure(definitions, followed.name)}{within}, of the same {metric.conversion_entity}"
    return f"followed ÷ begun, where begun = {counted}; followed = {what}"


def _only(filters: Sequence[str]) -> str:
    """Say what filters keep, in the names that people filter by."""
    return "".join(f", only where {_filter(text)}" for text in filters)


def _filter(text: str) -> str:
    template = read_template(text)
    words = template.sql
    for number, reference in enumerate(template.references):
        words = words.replace(placeholder(number), reference.metric or reference.item.column)
    return words


def _reach(metric: Metric) -> str:
    if metric.window:
        return f"over the {_length(metric.window)} that end with the period"
    if metric.grain_to_date:
        return f"from the first day of the {metric.grain_to_date} to the end of the period"
    return "from the beginning to the end of the period"


def _measure(definitions: Definitions, name: str) -> str:
    measure, model = definitions.measure(name), definitions.model_of(name)
    if not (measure and model):
        return name
    if measure.agg == "sum" and measure.expr == "1":
        words = f"number of {model.name}"
    else:
        words = f"{_AGGREGATES.get(measure.agg, measure.agg)} {measure.expr} of {model.name}"
    return words + (", at the last snapshot" if measure.non_additive else "")


def _label(definitions: Definitions, item: MetricInput) -> str:
    metric = definitions.metrics.get(item.name)
    label = metric.label if metric and metric.label else item.name
    if item.offset_window:
        return f"{label} {_length(item.offset_window)} earlier"
    return f"{label} on the first day of the {item.offset_to_grain}" if item.offset_to_grain else label


def _named(definitions: Definitions, item: MetricInput) -> str:
    return f"{item.column} = {_label(definitions, item)}"


def _length(window: Window) -> str:
    return f"{window.count} {window.grain}{'s' if window.count != 1 else ''}"
