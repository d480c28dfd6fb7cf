"""What a definition is: metrics, semantic models, saved queries and their governance, as frozen values."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

GRAINS = ("day", "week", "month", "quarter", "year")
# Every length of time that a definition may name, the shortest first.
TIMES = ("nanosecond", "microsecond", "millisecond", "second", "minute", "hour", *GRAINS)
METRIC_TIME = "metric_time"


@dataclass(frozen=True)
class Location:
    """Where a definition stands; `file` is relative to the project."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Owner:
    """Who answers for a metric."""

    department: str = ""
    role: str = ""

    def __str__(self) -> str:
        return " · ".join(part for part in (self.department, self.role) if part)


@dataclass(frozen=True)
class Governance:
    """What stands under a metric's `config.meta`; an empty value is a missing one."""

    label_zh: str = ""
    synonyms: tuple[str, ...] = ()
    synonyms_zh: tuple[str, ...] = ()
    domain: str = ""
    owner: Owner = Owner()
    level: str = ""
    unit: str = ""
    direction: str = ""
    sources: tuple[str, ...] = ()
    review_date: str = ""
    version: str = ""
    status: str = ""
    component: bool = False
    grains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Window:
    """A length of time: `28 day`, `1 year`."""

    count: int
    grain: str


@dataclass(frozen=True)
class NonAdditive:
    """A time along which a measure must not be added up: only its first or last moment counts."""

    dimension: str
    choice: str = "max"
    groupings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measure:
    """An aggregate over the rows of one semantic model."""

    name: str
    agg: str
    expr: str
    time_dimension: str
    non_additive: NonAdditive | None = None
    percentile: float | None = None
    discrete: bool = False
    approximate: bool = False


@dataclass(frozen=True)
class MeasureInput:
    """A measure as a metric takes it."""

    name: str
    filters: tuple[str, ...] = ()
    fill_nulls_with: int | None = None
    join_to_timespine: bool = False


@dataclass(frozen=True)
class MetricInput:
    """A metric as another metric takes it."""

    name: str
    alias: str = ""
    filters: tuple[str, ...] = ()
    offset_window: Window | None = None
    offset_to_grain: str = ""

    @property
    def column(self) -> str:
        """The name under which the expression of the parent knows the input."""
        return self.alias or self.name

    @property
    def plain(self) -> bool:
        """Whether the input is taken as it is: neither filtered nor shifted in time."""
        return not (self.filters or self.offset_window or self.offset_to_grain)


@dataclass(frozen=True)
class Metric:
    """One governed metric."""

    name: str
    label: str
    description: str
    type: str
    governance: Governance
    location: Location
    measures: tuple[MeasureInput, ...] = ()
    inputs: tuple[MetricInput, ...] = ()
    expr: str = ""
    filters: tuple[str, ...] = ()
    window: Window | None = None
    grain_to_date: str = ""
    period_agg: str = ""
    conversion_entity: str = ""
    conversion_rate: bool = False
    constant_properties: tuple[tuple[str, str], ...] = ()
    time_grain: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """What people call it: its name, labels and synonyms, in English and Chinese."""
        told = self.governance
        called = (self.name, self.label, told.label_zh, *told.synonyms, *told.synonyms_zh)
        return tuple(word for word in dict.fromkeys(called) if word)

    @property
    def numerator(self) -> str:
        """The metric above the line of a ratio, or ''."""
        return self.inputs[0].name if self.type == "ratio" else ""

    @property
    def denominator(self) -> str:
        """The metric below the line of a ratio, or ''."""
        return self.inputs[1].name if self.type == "ratio" else ""


@dataclass(frozen=True)
class Entity:
    """A key of a semantic model."""

    name: str
    type: str
    expr: str


@dataclass(frozen=True)
class Dimension:
    """A property by which metrics can be split."""

    name: str
    type: str
    label: str = ""
    label_zh: str = ""
    grain: str = ""
    expr: str = ""
    is_partition: bool = False
    # "start" or "end" of the time in which a row of a slowly changing model is valid
    validity: str = ""
    # whether its members are persons
    person: bool = False
    synonyms: tuple[str, ...] = ()
    synonyms_zh: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What people call it: its own name, labels and synonyms, in English and Chinese."""
        called = (self.name, self.label, self.label_zh, *self.synonyms, *self.synonyms_zh)
        return tuple(word for word in dict.fromkeys(called) if word)


@dataclass(frozen=True)
class SemanticModel:
    """One mart as the metrics see it."""

    name: str
    relation: str
    description: str
    location: Location
    entities: tuple[Entity, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    measures: tuple[Measure, ...] = ()
    named_entity: str = ""

    @property
    def primary_entity(self) -> str:
        """The entity whose row this is; a model may name one that it has no column for."""
        keys = (entity.name for entity in self.entities if entity.type == "primary")
        return next(keys, self.named_entity)

    @property
    def validity(self) -> tuple[Dimension, Dimension] | None:
        """The dimensions from which and until which a row is valid."""
        found = {item.validity: item for item in self.dimensions if item.validity}
        return (found["start"], found["end"]) if len(found) > 1 else None

    def dimension(self, name: str) -> Dimension | None:
        """Find a dimension by its own name."""
        return next((item for item in self.dimensions if item.name == name), None)

    def entity(self, name: str) -> Entity | None:
        """Find an entity by its name."""
        return next((item for item in self.entities if item.name == name), None)


@dataclass(frozen=True)
class GroupBy:
    """One column by which a query groups: a dimension, an entity, or time at a grain."""

    name: str
    grain: str = ""
    # What is taken out of a date: year, quarter, month, day, dow, doy
    part: str = ""

    @property
    def column(self) -> str:
        """The name of the output column: `metric_time__month`, `metric_time__extract_dow`."""
        if self.part:
            return f"{self.name}__extract_{self.part}"
        return f"{self.name}__{self.grain}" if self.grain else self.name

    def with_calendar(self, calendar: Container[str]) -> GroupBy:
        """Read a grain of the company's own calendar at the end of the name."""
        name, _, last = self.name.rpartition("__")
        return replace(self, name=name, grain=last) if name and not self.grain and last in calendar else self

    @property
    def published(self) -> str:
        """The name of the column in a published table: `month`, `product_category`."""
        if self.name == METRIC_TIME:
            return self.grain or METRIC_TIME
        return self.column.replace("__", "_")


@dataclass(frozen=True)
class SavedQuery:
    """One published wide table."""

    name: str
    description: str
    metrics: tuple[str, ...]
    group_by: tuple[GroupBy, ...]
    where: tuple[str, ...]
    location: Location
    label: str = ""
    label_zh: str = ""
    domain: str = ""
    grain: str = ""
    order_by: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def time(self) -> GroupBy | None:
        """The period by which the table groups, or None."""
        return next((item for item in self.group_by if item.name == METRIC_TIME), None)

    @property
    def dimensions(self) -> tuple[GroupBy, ...]:
        """What the table groups by, besides the period."""
        return tuple(item for item in self.group_by if item.name != METRIC_TIME)


@dataclass(frozen=True)
class TimeSpine:
    """A table with one row per moment, and the calendar columns that it offers as grains."""

    relation: str
    column: str
    grain: str
    calendar: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Definitions:
    """Everything that semantic_manifest.json and metrics/ say; `digest` changes when one of them does."""

    metrics: Mapping[str, Metric]
    models: Mapping[str, SemanticModel]
    saved_queries: Mapping[str, SavedQuery]
    time_spines: tuple[TimeSpine, ...]
    digest: str
    files: tuple[str, ...] = ()
    root: str = ""
    # The file that they were read from.
    manifest: str = field(default="", compare=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def calendar(self) -> Mapping[str, TimeSpine]:
        """The grains of the company's own calendar, each with the time spine that has it."""
        return {name: spine for spine in self.time_spines for name in spine.calendar}

    @property
    def dimensions(self) -> Mapping[str, Dimension]:
        """Every dimension under its full name: `product__category`."""
        return {
            f"{model.primary_entity}__{dimension.name}": dimension
            for model in self.models.values()
            if model.primary_entity
            for dimension in model.dimensions
        }

    @property
    def entities(self) -> tuple[str, ...]:
        """Every entity that some model has."""
        return tuple(sorted({entity.name for model in self.models.values() for entity in model.entities}))

    @cached_property
    def _measured(self) -> Mapping[str, tuple[SemanticModel, Measure]]:
        """Every measure by its name, and the first model that has it."""
        models = reversed(list(self.models.values()))
        return {item.name: (model, item) for model in models for item in reversed(model.measures)}

    def model_of(self, measure: str) -> SemanticModel | None:
        """Find the semantic model that has a measure."""
        return self._measured[measure][0] if measure in self._measured else None

    def measure(self, name: str) -> Measure | None:
        """Find a measure by its name."""
        return self._measured[name][1] if name in self._measured else None
