"""Split a request: what MetricFlow aggregates, and what is shifted, accumulated or divided afterwards.

MetricFlow writes a scan per ratio and joins raw rows to the time spine for running totals (14 to 780 times
the work of aggregating first). So it only aggregates plain metrics here; the rest is arithmetic on few rows.
A metric that does not fit stays whole with MetricFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from plumbline.compiler.request import Request
from plumbline.definitions import GRAINS, METRIC_TIME, Definitions, Measure, Metric, MetricInput, Window

_ADDITIVE = {"sum": "SUM", "count": "SUM", "sum_boolean": "SUM", "min": "MIN", "max": "MAX"}
# The periods that a longer one is made of.
_SHORTER = {
    "day": ("day",),
    "week": ("day", "week"),
    "month": ("day", "month"),
    "quarter": ("day", "month", "quarter"),
    "year": ("day", "month", "quarter", "year"),
}


@dataclass(frozen=True)
class Shift:
    """Take the value of another period: a window earlier, or the first of a longer period."""

    window: Window | None = None
    to_grain: str = ""

    def __bool__(self) -> bool:
        return bool(self.window or self.to_grain)


@dataclass(frozen=True)
class Series:
    """One column over periods and dimensions: a metric, as it is, shifted, accumulated, or converted."""

    metric: str
    shift: Shift = Shift()
    accumulated: bool = False
    converted: bool = False


@dataclass(frozen=True)
class Accumulation:
    """How a running total follows from a metric by day: its window or its to-date period."""

    daily_metric: str
    aggregate: str
    window: Window | None
    grain_to_date: str
    distinct_entity: str = ""


@dataclass(frozen=True)
class Conversion:
    """How a conversion follows from two metrics by day and entity: what follows what, within which time."""

    base_metric: str
    following_metric: str
    entity: str
    window: Window | None
    rate: bool
    distinct: bool


@dataclass(frozen=True)
class Ratio:
    """Numerator divided by denominator; an empty denominator gives no value."""

    numerator: Node
    denominator: Node


@dataclass(frozen=True)
class Formula:
    """An expression over named inputs."""

    expr: str
    inputs: tuple[tuple[str, Node], ...]


Node = Series | Ratio | Formula


@dataclass(frozen=True)
class Plan:
    """The columns of the result as trees over series, and how some of the series are made."""

    outputs: dict[str, Node]
    accumulations: dict[str, Accumulation] = field(default_factory=dict)
    conversions: dict[str, Conversion] = field(default_factory=dict)

    @property
    def series(self) -> tuple[Series, ...]:
        """Every series of the trees, in order, once."""
        return tuple(dict.fromkeys(leaf for node in self.outputs.values() for leaf in leaves(node)))

    @property
    def looks_around(self) -> bool:
        """Whether some series need other periods than those asked for."""
        return any(series.shift or series.accumulated or series.converted for series in self.series)

    @property
    def trivial(self) -> bool:
        """Whether MetricFlow's own answer is the whole answer."""
        return all(isinstance(node, Series) and node == Series(name) for name, node in self.outputs.items())


def leaves(node: Node) -> Iterator[Series]:
    """Walk the series of a tree."""
    if isinstance(node, Series):
        yield node
    elif isinstance(node, Ratio):
        yield from leaves(node.numerator)
        yield from leaves(node.denominator)
    else:
        for _, child in node.inputs:
            yield from leaves(child)


class _Whole(Exception):
    """The metric does not fit the split; MetricFlow answers it whole."""


def plan(definitions: Definitions, request: Request) -> Plan:
    """Plan every metric of a request."""
    planner = _Planner(definitions, request)
    outputs: dict[str, Node] = {}
    for name in request.metrics:
        try:
            outputs[name] = planner.node(name, Shift())
        except _Whole:
            outputs[name] = Series(name)
    return Plan(outputs, planner.accumulations, planner.conversions)


class _Planner:
    def __init__(self, definitions: Definitions, request: Request) -> None:
        self.definitions = definitions
        self.request = request
        self.accumulations: dict[str, Accumulation] = {}
        self.conversions: dict[str, Conversion] = {}
        grains = [item.grain for item in request.group_by if item.name == METRIC_TIME]
        # A time filter in words may mean any column: what looks at other periods stays with MetricFlow then.
        filtered = any(METRIC_TIME in text for text in request.where)
        self.moves_in_time = len(grains) == 1 and grains[0] in GRAINS and not filtered
        self.grain = grains[0] if grains else ""

    def node(self, name: str, shift: Shift) -> Node:
        metric = self.definitions.metrics[name]
        if metric.type == "simple":
            return Series(name, shift)
        if metric.type == "conversion":
            return self._conversion(metric, shift)
        if metric.type == "cumulative":
            self.accumulations[name] = self._accumulation(metric)
            return Series(name, shift, accumulated=True)
        if metric.filters:
            raise _Whole
        children = [(item.column, self._input(item, shift)) for item in metric.inputs]
        if metric.type == "ratio":
            return Ratio(children[0][1], children[1][1])
        return Formula(metric.expr, tuple(children))

    def _input(self, item: MetricInput, outer: Shift) -> Node:
        inner = Shift(item.offset_window, item.offset_to_grain)
        if item.filters or (inner and outer) or (inner and not self._moves(inner)):
            raise _Whole
        return self.node(item.name, inner or outer)

    def _moves(self, shift: Shift) -> bool:
        """Whether a shift leads from whole periods to whole periods: not from quarters by a month."""
        unit = shift.window.grain if shift.window else shift.to_grain
        return self.moves_in_time and unit in _SHORTER and self.grain in _SHORTER[unit]

    def _accumulation(self, metric: Metric) -> Accumulation:
        taken = metric.measures[0]
        measure = self.definitions.measure(taken.name)
        plain = taken.fill_nulls_with is None and not taken.join_to_timespine
        if not (measure and plain and self.moves_in_time and not measure.non_additive):
            raise _Whole
        if metric.period_agg != "last" and self.grain != "day":
            raise _Whole
        entity = "" if measure.agg in _ADDITIVE else self._distinct_entity(measure)
        return Accumulation(
            daily_metric=self._simple_metric(taken.name, (*taken.filters, *metric.filters)),
            aggregate=_ADDITIVE.get(measure.agg, "COUNT"),
            window=metric.window,
            grain_to_date=metric.grain_to_date,
            distinct_entity=entity,
        )

    def _conversion(self, metric: Metric, shift: Shift) -> Series:
        """Follow an entity from one event to the next; what is filtered or shifted stays with MetricFlow."""
        base, following = metric.measures
        counted = self.definitions.measure(base.name)
        measure = self.definitions.measure(following.name)
        ranged = self.request.time_constraint and not self.moves_in_time
        filtered = bool(self.request.where or metric.filters or ranged)
        grouped = metric.conversion_entity in {item.name for item in self.request.group_by}
        if filtered or grouped or shift or metric.constant_properties or not (counted and measure):
            return Series(metric.name, shift)
        try:
            distinct = measure.agg == "count_distinct"
            if distinct and self._distinct_entity(measure) != metric.conversion_entity:
                raise _Whole
            if counted.agg not in _ADDITIVE:
                raise _Whole
            self.conversions[metric.name] = Conversion(
                base_metric=self._simple_metric(base.name, base.filters),
                following_metric=self._simple_metric(following.name, following.filters),
                entity=metric.conversion_entity,
                window=metric.window,
                rate=metric.conversion_rate,
                distinct=distinct,
            )
        except _Whole:
            return Series(metric.name)
        return Series(metric.name, converted=True)

    def _distinct_entity(self, measure: Measure) -> str:
        """Find the key that a distinct count counts: days then keep the keys instead of a number."""
        model = self.definitions.model_of(measure.name)
        keys = [entity.name for entity in model.entities if entity.expr == measure.expr] if model else []
        if measure.agg != "count_distinct" or not keys:
            raise _Whole
        return keys[0]

    def _simple_metric(self, measure: str, filters: tuple[str, ...]) -> str:
        """Find the simple metric that is a measure under these filters."""
        for other in self.definitions.metrics.values():
            taken = other.measures[0] if other.type == "simple" and other.measures else None
            plain = taken and taken.fill_nulls_with is None and not taken.join_to_timespine
            if taken and plain and (taken.name, (*taken.filters, *other.filters)) == (measure, filters):
                return other.name
        raise _Whole
