"""From a request to a plan: which relations answer it, and how its metrics follow from their cells.

The meaning is MetricFlow's. Offsets and running totals see data before the start of a filter on time, because
such a filter asks for periods of the result, not for rows of the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from plumbline.compiler.aggregates import DISTRIBUTIVE
from plumbline.compiler.expressions import (
    adds_up,
    bare_names,
    limits,
    makes_values,
    parsed,
    require_moments,
    require_numbers,
    with_own_names,
    with_references,
)
from plumbline.compiler.graph import Column, Graph
from plumbline.compiler.passes import separate_rows, share_periods
from plumbline.compiler.periods import both_spans, cuts, filled, followed, led_up_to, looked_at, through
from plumbline.compiler.plan import (
    ITEM,
    MOMENT,
    Beside,
    Cell,
    Condition,
    Events,
    Fill,
    Formula,
    Key,
    Node,
    Plan,
    Ratio,
    Running,
    Scan,
    Shift,
    Snapshot,
    Spread,
    Value,
)
from plumbline.compiler.request import Request, require_once
from plumbline.compiler.templates import Reference, Template, read_template
from plumbline.definitions import (
    METRIC_TIME,
    TIMES,
    Definitions,
    Dimension,
    GroupBy,
    Measure,
    MeasureInput,
    Metric,
    NonAdditive,
    SemanticModel,
    where_defined,
)
from plumbline.errors import DefinitionError, did_you_mean

# How many metrics a message names.
_NAMED = 4
_CHOICES = ("min", "max")
_TYPES = ("simple", "ratio", "derived", "cumulative", "conversion")


@dataclass(frozen=True)
class Filter:
    """A filter as one model understands it: its references, resolved for every model that it is asked of."""

    template: Template
    columns: tuple[Mapping[str, Column], ...]
    # Whether the definition of the simple metric brings it, or what asks for the metric.
    own: bool = False


def plan(definitions: Definitions, graph: Graph, request: Request, dialect: str) -> Plan:
    """Plan every metric of a request; raises DefinitionError for what cannot be answered."""
    return _Planner(definitions, graph, request, dialect).plan()


@dataclass
class _Planner:
    definitions: Definitions
    graph: Graph
    request: Request
    dialect: str
    items: tuple[GroupBy, ...] = ()
    # The grain that all metrics have by default: that of the one whose periods are the longest.
    coarsest: str = "day"
    resolved: dict[str, Mapping[str, Column]] = field(default_factory=dict)

    def plan(self) -> Plan:
        metrics = [self.definitions.metrics[name] for name in self.request.metrics]
        models = list(dict.fromkeys(model for metric in metrics for model in self._models(metric)))
        self.coarsest = max((self._default_grain(metric) for metric in metrics), key=TIMES.index)
        self.items = tuple(self._settled(item) for item in self.request.group_by)
        self.items = tuple(self._with_base(self._in_full(item, models)) for item in self.items)
        require_once(item.column for item in self.items)
        shown, filters = self._split_where(models)
        outputs = {metric.name: self._node(metric, filters, ()) for metric in metrics}
        keys = tuple(item.column for item in self.items)
        columns = (*keys, *outputs)
        outputs = separate_rows(share_periods(outputs))
        known = self._known_as()
        aliases = {known.get(name, name): alias for name, alias in self.request.aliases}
        order = self._order(columns, known | {alias: name for name, alias in aliases.items()})
        return Plan(keys, outputs, order, self.request.limit, columns, shown, known, aliases)

    def _asked(self) -> str:
        more = len(self.request.metrics) - _NAMED
        metrics = ", ".join(self.request.metrics[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        by = ", ".join(item.column for item in self.request.group_by)
        return f"{metrics} by {by}" if by else metrics

    def _known_as(self) -> dict[str, str]:
        """Give the columns by the names that they were asked for with: without a grain, or the whole way."""
        found: dict[str, str] = {}
        for asked, item in zip(self.request.group_by, self.items, strict=True):
            bare = (asked.name, item.name) if item.grain and not item.part else ()
            found |= dict.fromkeys((asked.column, *bare), item.column)
        return {name: column for name, column in found.items() if name != column}

    def _order(self, columns: Sequence[str], known: Mapping[str, str]) -> tuple[str, ...]:
        """Check what to order by; a time asked for without its grain is found with it."""
        found = []
        for text in self.request.order_by:
            name = text.removeprefix("-")
            name = name if name in columns else known.get(name, name)
            if name not in columns:
                raise _unknown_order(name, columns)
            found.append(("-" if text.startswith("-") else "") + name)
        return tuple(found)

    # -- the names asked for

    def _settled(self, item: GroupBy) -> GroupBy:
        """Give the time of the metrics the grain that it has by default: of days, or as the metrics say."""
        item = self.graph.with_calendar(item)
        if item.name != METRIC_TIME or item.grain or item.part:
            return item
        return replace(item, grain=self.coarsest)

    def _in_full(self, item: GroupBy, models: Sequence[str]) -> GroupBy:
        """Name an element by the whole way to it, and keep what it means for each model."""
        if item.name == METRIC_TIME:
            return item
        full, columns = self.graph.found(models, item, self._asked())
        self.resolved[full.column] = columns
        return full

    def _default_grain(self, metric: Metric) -> str:
        bases = [self._time(measure).base for measure in self._measures(metric)]
        return metric.time_grain or max((*bases, "day"), key=TIMES.index)

    def _with_base(self, item: GroupBy) -> GroupBy:
        """Name a time by its grain where none was asked for: `order__due_date__day`."""
        columns = self.resolved.get(item.column)
        if not columns or item.grain or item.part:
            return item
        grain = next(iter(columns.values())).grain
        settled = replace(item, grain=grain)
        self.resolved[settled.column] = columns
        return settled

    def _measures(self, metric: Metric) -> Iterator[Measure]:
        for taken in metric.measures:
            yield self._measure(taken, metric)
        for item in metric.inputs:
            yield from self._measures(self._metric(item.name, metric))

    def _metric(self, name: str, parent: Metric) -> Metric:
        metric = self.definitions.metrics.get(name)
        if metric is None:
            raise DefinitionError(
                f"metric {parent.name!r} takes {name!r}, which is no metric",
                where=self._place(parent),
                todo=did_you_mean(name, list(self.definitions.metrics)) or "Name one of the metrics.",
                code="unknown-metric",
            )
        return metric

    def _place(self, metric: Metric) -> str:
        return where_defined(self.definitions, "metrics", metric.name)

    def _measure(self, taken: MeasureInput, metric: Metric) -> Measure:
        measure = self.definitions.measure(taken.name)
        if measure is None:
            known = [item.name for model in self.definitions.models.values() for item in model.measures]
            raise DefinitionError(
                f"metric {metric.name!r} takes {taken.name!r}, which is no measure",
                where=self._place(metric),
                todo=did_you_mean(taken.name, known) or "Name a measure of one of the semantic models.",
                code="unknown-measure",
            )
        if within := adds_up(measure.expr, self.dialect):
            raise DefinitionError(
                f"the `expr` of measure {measure.name!r} adds up by itself: {within}",
                where=where_defined(self.definitions, "semantic_models", self._model(measure)),
                why=f"It is of one row; `agg: {measure.agg}` adds the rows up.",
                todo="Write what is added up alone; divide sums in a ratio, or a derived metric.",
                code="nested-aggregate",
            )
        return measure

    def _model(self, measure: Measure) -> str:
        model = self.definitions.model_of(measure.name)
        assert model is not None
        return model.name

    def _models(self, metric: Metric, above: tuple[str, ...] = ()) -> Iterator[str]:
        """Give the models whose rows the result groups: of a conversion, that of the first event."""
        if metric.name in above:
            raise circular(self.definitions, metric)
        if metric.type == "conversion":
            yield self._model(self._measure(metric.measures[0], metric))
            return
        for taken in metric.measures:
            yield self._model(self._measure(taken, metric))
        for item in metric.inputs:
            yield from self._models(self._metric(item.name, metric), (*above, metric.name))

    # -- filters

    def _split_where(self, models: Sequence[str]) -> tuple[tuple[Template, ...], tuple[Filter, ...]]:
        """Tell filters on values of the result from those on rows."""
        shown, filters = [], []
        for text in self.request.where:
            template = with_own_names(read_template(text), self.request.own_names, self.dialect)
            if self._of_values(template):
                shown.append(template)
            else:
                filters.append(self._filter(template, models, self.coarsest))
        return tuple(shown), tuple(filters)

    def _of_values(self, template: Template) -> bool:
        """Whether a filter asks for the metrics; it must not ask for anything else that is no column."""
        names = bare_names(template, self.dialect)
        metrics = [name for name in names if name in self.request.metrics]
        if not metrics:
            return False
        columns = {*self.request.metrics, *(item.column for item in self.items), *self._known_as()}
        others = [name for name in names if name not in columns]
        if template.references or others:
            other = others[0] if others else template.references[0].item.column
            raise DefinitionError(
                f"one condition asks for {metrics[0]!r}, a value of the result, and for {other!r}",
                where=template.text,
                why="Values are compared after the rows were added up, dimensions before.",
                todo="Write two conditions.",
                code="mixed-condition",
            )
        require_numbers(template, (), [*filter(self._is_figure, metrics)], self.dialect)
        return True

    def _is_figure(self, name: str) -> bool:
        """Whether a metric is a number for certain: the least and the greatest may be texts or times."""
        metric = self.definitions.metrics.get(name)
        if metric is None or metric.type == "derived":
            return False
        measures = (self.definitions.measure(taken.name) for taken in metric.measures)
        return all(measure and measure.agg not in ("min", "max") for measure in measures)

    def _with_columns(self, template: Template) -> Template:
        """Read the names of output columns, written without braces, as references."""
        return with_references(template, self.definitions.calendar, self.dialect)

    def _filter(
        self, read: Template, models: Sequence[str], grain: str, own: bool = False, of: str = ""
    ) -> Filter:
        """Read a filter; the time of the metrics without a grain has that of what brings the filter."""
        named = {reference.item for reference in read.references}
        template = self._with_columns(read)
        references = tuple(
            replace(item, item=replace(item.item, grain=grain)) if _is_bare_time(item) else item
            for item in template.references
        )
        template = replace(template, references=references)
        try:
            asked = f"metric {of!r}, filter {read.text}" if of else read.text
            columns = tuple(self._meant(item, models, asked) for item in template.references)
            require_moments(template, [*map(_is_moment, template.references, columns)], self.dialect)
            figures = [self._is_figure(item.metric) for item in template.references]
            require_numbers(template, figures, (), self.dialect)
        except DefinitionError as error:
            bare = {item.item.name for item in template.references if item.item not in named}
            raise _quoted(error, bare) from None
        return Filter(template, columns, own)

    def _meant(self, reference: Reference, models: Sequence[str], asked: str) -> Mapping[str, Column]:
        """Give what a reference means for each model; the time of the metrics is known by measure only."""
        if reference.metric:
            return {
                model: Column(model, reference.metric, "", metric=reference.metric, by=reference.by)
                for model in models
            }
        item = self.graph.with_calendar(reference.item)
        if item.name == METRIC_TIME:
            return {}
        return self.graph.resolve(models, item, asked)

    def _own(self, texts: Iterable[str], measure: Measure, metric: Metric) -> tuple[Filter, ...]:
        model, grain = self._model(measure), self._default_grain(metric)
        found = map(read_template, dict.fromkeys(texts))
        return tuple(self._filter(item, [model], grain, own=True, of=metric.name) for item in found)

    def _conditions(self, filters: Iterable[Filter], measure: Measure) -> tuple[Condition, ...]:
        return tuple(dict.fromkeys(self._condition(item, measure) for item in filters))

    def _condition(self, item: Filter, measure: Measure) -> Condition:
        model = self._model(measure)
        columns = (
            self._as_time(columns[model], measure) if columns else self._time_at(measure, reference.item)
            for columns, reference in zip(item.columns, item.template.references, strict=True)
        )
        return Condition(item.template, tuple(columns))

    # -- keys

    def _time(self, measure: Measure) -> Column:
        """Give the time by which a measure is aggregated."""
        model = self.definitions.models[self._model(measure)]
        dimension = model.dimension(measure.time_dimension)
        if dimension is None:
            raise DefinitionError(
                f"measure {measure.name!r} has no time to aggregate by",
                where=where_defined(self.definitions, "semantic_models", model.name),
                todo="Name a time dimension under `defaults: agg_time_dimension`.",
                code="no-time",
            )
        base = dimension.grain or "day"
        return Column(model.name, dimension.name, dimension.expr, base=base, grain=base, is_metric_time=True)

    def _time_at(self, measure: Measure, item: GroupBy) -> Column:
        time = self._time(measure)
        grain = self.graph.with_calendar(item).grain or time.base
        if grain in TIMES:
            self._require_no_finer(repr(measure.name), grain, time.base, f"Its data are by {time.base}.")
        self.graph.check_grain(grain, self._asked())
        return replace(time, grain=grain, part=item.part)

    def _as_time(self, column: Column, measure: Measure) -> Column:
        """Recognise the time of the measure under its own name, too."""
        time = self._time(measure)
        same = not column.path and (column.model, column.name) == (time.model, time.name)
        return replace(column, is_metric_time=True) if same and column.is_time else column

    def _keys(self, measure: Measure) -> tuple[Key, ...]:
        model = self._model(measure)
        return tuple(
            Key(
                item.column,
                self._time_at(measure, item)
                if item.name == METRIC_TIME
                else self._as_time(self.resolved[item.column][model], measure),
            )
            for item in self.items
        )

    def _range(self) -> tuple[str, str] | None:
        """Give the exact range, or a time constraint widened to whole periods of the shortest grain."""
        if not self.request.time_constraint:
            return self.request.range
        grains = [item.grain for item in self.items if item.name == METRIC_TIME and item.grain in TIMES]
        grain = min(grains, key=TIMES.index) if grains else self.coarsest
        return filled(self.request.time_constraint, grain)

    def _behind(
        self, shifts: tuple[Shift, ...], keys: tuple[Key, ...], conditions: tuple[Condition, ...]
    ) -> tuple[str, str] | None:
        """Give the range of the rows that shifted periods of the range look at."""
        grains = [key.column.grain for key in keys if key.is_time and key.column.grain in TIMES]
        span = self._limited(conditions)
        return looked_at(span, shifts, max(grains, key=TIMES.index)) if grains else None

    def _limited(self, conditions: Iterable[Condition]) -> tuple[str, str] | None:
        """Give the range, as far as filters on time do not limit it further."""
        span = self._range()
        for condition in conditions:
            grains = {column.grain for column in condition.columns if not column.part}
            if (
                not condition.only_time
                or len(condition.columns) != 1
                or not grains.issubset(TIMES)
                or not grains
            ):
                continue
            (grain,) = grains
            for sign, day in limits(condition.template, self.dialect):
                limit = (day, "") if sign == ">=" else ("", through(day, grain))
                span = both_spans(span, limit)
        return span

    # -- metrics

    def _node(
        self, metric: Metric, filters: tuple[Filter, ...], shifts: tuple[Shift, ...], *, alone: bool = False
    ) -> Node:
        match metric.type:
            case "simple":
                return self._simple(metric, filters, shifts, alone)
            case "cumulative":
                return self._cumulative(metric, filters, shifts)
            case "conversion":
                return self._conversion(metric, filters, shifts)
            case "derived" | "ratio":
                return self._derived(metric, filters, shifts, alone)
        raise DefinitionError(
            f"metric {metric.name!r} is of no known type: {metric.type!r}",
            where=self._place(metric),
            todo=did_you_mean(metric.type, list(_TYPES)) or f"Known: {', '.join(_TYPES)}.",
            code="unknown-type",
        )

    def _derived(
        self, metric: Metric, filters: tuple[Filter, ...], shifts: tuple[Shift, ...], alone: bool
    ) -> Node:
        inputs = []
        alone = alone or (metric.type == "derived" and makes_values(parsed(metric.expr, self.dialect)))
        for item in metric.inputs:
            child = self._metric(item.name, metric)
            models = list(dict.fromkeys(self._models(child)))
            grain = self._default_grain(metric)
            texts = (*metric.filters, *item.filters)
            more = (self._filter(read_template(text), models, grain, of=metric.name) for text in texts)
            shift = Shift(item.offset_window, item.offset_to_grain)
            chain = (*shifts, shift) if shift != Shift() else shifts
            inputs.append((item.column, self._node(child, (*filters, *more), chain, alone=alone)))
        if metric.type == "ratio":
            return Ratio(inputs[0][1], inputs[1][1])
        return Formula(metric.expr, tuple(inputs))

    def _simple(
        self, metric: Metric, filters: tuple[Filter, ...], shifts: tuple[Shift, ...], alone: bool
    ) -> Node:
        taken = metric.measures[0]
        measure = self._measure(taken, metric)
        own = self._own((*taken.filters, *metric.filters), measure, metric)
        return self._taken(taken, measure, (*own, *filters), shifts, alone=alone)

    def _taken(
        self,
        taken: MeasureInput,
        measure: Measure,
        filters: tuple[Filter, ...],
        shifts: tuple[Shift, ...],
        *,
        alone: bool = False,
    ) -> Node:
        """Give a measure as a metric takes it: shifted, with holes in time kept, with blanks filled.

        `alone` keeps rows that only other measures have out of its relation.
        """
        keys = self._keys(measure)
        if shifts:
            self._check_shift(measure, keys)
            self._check_calendar(shifts, measure, keys, filters)
            self._check_whole(keys)
        beside = taken.join_to_timespine and any(key.is_time for key in keys)
        alone = alone or taken.fill_nulls_with is not None
        node: Node = (
            self._beside(measure, filters, shifts) if beside else self._cell(measure, filters, shifts, alone)
        )
        return node if taken.fill_nulls_with is None else Fill(node, taken.fill_nulls_with)

    def _cell(
        self, measure: Measure, filters: tuple[Filter, ...], shifts: tuple[Shift, ...], alone: bool
    ) -> Cell:
        conditions = self._conditions(filters, measure)
        scan = self._scan(measure)
        by_validity = any(
            hop.by_validity for item in conditions for part in item.columns for hop in part.path
        )
        if (alone or by_validity) and not shifts:
            scan, conditions = replace(scan, conditions=conditions), ()
        if not shifts:
            return self._counted(replace(scan, range=self._range()), measure, conditions)
        if not self._after(shifts, scan.keys) or any(item.mixed for item in conditions):
            return self._counted(replace(scan, range=self._range(), shifts=shifts), measure, conditions)
        timed = tuple(item for item in conditions if item.only_time)
        rest = tuple(item for item in conditions if not item.only_time)
        behind = self._behind(shifts, scan.keys, timed)
        cell = self._counted(replace(scan, range=behind), measure, rest)
        assert isinstance(cell.relation, Scan)
        shown = self._limited(timed)
        return Cell(Spread(cell.relation, shifts, False, timed, (), self._range(), shown), cell.value)

    def _beside(self, measure: Measure, filters: tuple[Filter, ...], shifts: tuple[Shift, ...]) -> Cell:
        """Keep every period of the time spine; its rows are its own, so that no other metric adds some."""
        conditions = self._conditions(filters, measure)
        timed = tuple(item for item in conditions if item.only_time)
        outer = self._conditions((item for item in filters if not item.own), measure)
        keys = self._keys(measure)
        shown = {key.column for key in keys}
        kept = tuple(item for item in outer if not item.only_time and shown.issuperset(item.columns))
        after = bool(shifts) and self._after(shifts, keys)
        inside = tuple(item for item in conditions if not (after and item.only_time))
        scan = replace(
            self._scan(measure),
            conditions=inside,
            range=self._behind(shifts, keys, timed) if after else self._range(),
            shifts=() if after else shifts,
        )
        cell = self._counted(scan, measure, ())
        assert isinstance(cell.relation, Scan)
        spread = Spread(cell.relation, shifts if after else (), True, timed, kept, self._range())
        return Cell(spread, cell.value)

    def _scan(self, measure: Measure) -> Scan:
        return Scan(self._model(measure), self._keys(measure), self._time(measure))

    def _counted(self, scan: Scan, measure: Measure, conditions: tuple[Condition, ...]) -> Cell:
        """Ask a scan for a measure; a snapshot depends on the rows that are there, so it has its own scan."""
        told = measure.non_additive
        if not told:
            return Cell(scan, Value(measure, conditions))
        model = self.definitions.models[scan.model]
        dimension = self._snapshot_time(model, measure, told)
        base = dimension.grain or "day"
        is_time = dimension.name == scan.time.name
        moment = Column(
            model.name, dimension.name, dimension.expr, base=base, grain=base, is_metric_time=is_time
        )
        groupings = tuple(
            Column(model.name, name, entity.expr) for name in told.groupings if (entity := model.entity(name))
        )
        periods = tuple(
            key.name
            for key in scan.keys
            if not key.column.path and key.column.is_time and key.column.name == dimension.name
        )
        snapshot = Snapshot(moment, told.choice, groupings, periods)
        return Cell(
            replace(scan, conditions=(*scan.conditions, *conditions), snapshot=snapshot), Value(measure)
        )

    def _snapshot_time(self, model: SemanticModel, measure: Measure, told: NonAdditive) -> Dimension:
        """Give the time by which a snapshot is taken; refuse a snapshot that is not defined soundly."""
        dimension = model.dimension(told.dimension)
        times = [item.name for item in model.dimensions if item.type == "time"]
        entities = [item.name for item in model.entities]
        if dimension is None or dimension.type != "time":
            why, hint = f"{told.dimension!r} is no time of {model.name}.", did_you_mean(told.dimension, times)
            todo = hint or f"Its times: {', '.join(times) or 'none'}."
        elif told.choice not in _CHOICES:
            why, todo = f"`window_choice` is {told.choice!r}.", "Write min for the first, max for the last."
        elif away := next((name for name in told.groupings if name not in entities), ""):
            why = f"`window_groupings` names {away!r}, which is no entity of {model.name}."
            todo = did_you_mean(away, entities) or f"Its entities: {', '.join(entities)}."
        else:
            return dimension
        raise DefinitionError(
            f"the `non_additive_dimension` of measure {measure.name!r} cannot be so",
            where=where_defined(self.definitions, "semantic_models", model.name),
            why=why,
            todo=todo,
            code="bad-snapshot",
        )

    # -- shifts

    def _check_shift(self, measure: Measure, keys: tuple[Key, ...]) -> None:
        if not any(key.is_time for key in keys):
            raise DefinitionError(
                f"{', '.join(self.request.metrics)} compares periods, but none is asked for",
                where=self._asked(),
                todo="Add metric_time__month, or another grain, to what is grouped by.",
                code="needs-time",
            )

    def _check_whole(self, keys: tuple[Key, ...]) -> None:
        """A part of a period must not be compared with the whole of another."""
        grains = [key.column.grain for key in keys if key.is_time and key.column.grain in TIMES]
        grain = min(grains, key=TIMES.index, default="day")
        if self.request.range and cuts(self.request.range, grain):
            raise DefinitionError(
                f"{', '.join(self.request.metrics)} compares whole periods, and the range cuts a {grain}",
                todo=f"Begin and end the range with a {grain}, or ask by day.",
                code="partial-period",
            )

    def _check_calendar(
        self, shifts: tuple[Shift, ...], measure: Measure, keys: tuple[Key, ...], filters: tuple[Filter, ...]
    ) -> None:
        """Periods of the company's own calendar have no arithmetic: one such shift can be looked up."""
        own = [item.window.grain for item in shifts if item.window and item.window.grain not in TIMES]
        for grain in own:
            self.graph.check_grain(grain, self._asked())
        if own and len(shifts) > 1:
            raise DefinitionError(
                f"{', '.join(self.request.metrics)} is shifted by {own[0]}, and shifted again",
                todo="Shift once, or by days, weeks, months, quarters or years.",
                code="cannot-shift",
            )
        asked = [part for item in self._conditions(filters, measure) for part in item.columns]
        times = [item for item in (*asked, *(key.column for key in keys)) if item.is_metric_time]
        if measure.non_additive:
            times.append(self._time(measure))
        for grain in own:
            self._check_fine_enough(grain, times)

    def _check_fine_enough(self, own: str, times: Sequence[Column]) -> None:
        """A calendar shows days, say: an hour has no place in a later period of it."""
        shortest = self.definitions.calendar[own].grain
        asked = {item.grain for item in times if item.grain in TIMES and not item.part}
        finest = min(asked, key=TIMES.index, default=shortest)
        why = f"It is shifted by {own}, a calendar by {shortest}."
        self._require_no_finer(", ".join(self.request.metrics), finest, shortest, why)

    def _require_no_finer(self, what: str, grain: str, shortest: str, why: str) -> None:
        """Refuse a grain that is finer than what there is."""
        if TIMES.index(grain) < TIMES.index(shortest):
            raise DefinitionError(
                f"{what} cannot be seen by {grain}",
                where=self._asked(),
                why=why,
                todo=f"Ask by {shortest}, or by a longer period.",
                code="grain-too-fine",
            )

    def _after(self, shifts: tuple[Shift, ...], keys: tuple[Key, ...]) -> bool:
        """Whether whole periods can be shifted: not quarters by a month, nor weeks to a month's start."""
        times = [key.column for key in keys if key.is_time and not key.column.part]
        if not times or any(column.grain not in TIMES for column in times):
            return False
        smallest = min((column.grain for column in times), key=TIMES.index)
        return all(_moves(smallest, shift) for shift in shifts)

    def _check_lengths(self, metric: Metric) -> None:
        """A window, and what is added up since, are lengths of time that every engine knows."""
        for grain in (metric.window.grain if metric.window else "", metric.grain_to_date):
            if grain and grain not in TIMES:
                raise DefinitionError(
                    f"{metric.name!r} looks back by {grain!r}, which is no length of time",
                    where=self._place(metric),
                    todo=did_you_mean(grain, list(TIMES)) or f"Known: {', '.join(TIMES)}.",
                    code="unknown-grain",
                )

    # -- running totals

    def _cumulative(self, metric: Metric, filters: tuple[Filter, ...], shifts: tuple[Shift, ...]) -> Node:
        self._check_lengths(metric)
        taken = metric.measures[0]
        measure = self._measure(taken, metric)
        self._check_adds_up(metric, measure)
        everything = (*self._own((*taken.filters, *metric.filters), measure, metric), *filters)
        keys = self._keys(measure)
        times = [key.column for key in keys if key.is_time]
        if not times and self.request.range is None:
            if metric.window or metric.grain_to_date or shifts:
                self._check_shift(measure, keys)
            return self._taken(taken, measure, everything, ())
        if any(shift.window and shift.window.grain not in TIMES for shift in shifts):
            raise DefinitionError(
                f"the running total {metric.name!r} cannot be shifted by a calendar of one's own",
                todo="Shift it by days, weeks, months, quarters or years.",
                code="cannot-shift",
            )
        self._check_ends(metric, times)
        conditions = self._conditions(everything, measure)
        time = self._time(measure)
        base = any(column.grain == time.base and not column.part for column in times)
        relation = Running(
            source=replace(
                self._rows_by_moment(measure, keys, conditions),
                range=self._before(metric, shifts, time.base, conditions),
            ),
            measure=measure,
            keys=keys,
            window=metric.window,
            grain_to_date=metric.grain_to_date,
            roll="" if base or not times else metric.period_agg or "first",
            shifts=shifts,
            conditions=tuple(item for item in conditions if item.only_time or item.mixed),
            range=self._range(),
            outer=taken.join_to_timespine,
            fill=taken.fill_nulls_with,
        )
        return Cell(relation, Value(measure))

    def _check_ends(self, metric: Metric, times: Sequence[Column]) -> None:
        """A running total is read within a period: all Mondays, or the Januaries of all years, are none."""
        if times and all(item.part and item.part != "year" for item in times):
            raise DefinitionError(
                f"{metric.name!r} is a running total, and is asked by {times[0].part} of no period",
                where=self._asked(),
                why="It is read at the end of a period, and a part of a date is in many.",
                todo="Add metric_time__month, or another grain, to what is grouped by.",
                code="needs-time",
            )

    def _check_adds_up(self, metric: Metric, measure: Measure) -> None:
        """Refuse the running total of a stock: what is there on Monday and on Tuesday are the same things."""
        if measure.non_additive:
            raise DefinitionError(
                f"the running total {metric.name!r} adds up {measure.name!r} over time",
                where=self._place(metric),
                why=f"{measure.name!r} has a `non_additive_dimension`: its periods do not add up.",
                todo="Take the measure by a simple metric: it gives the last snapshot of each period.",
                code="not-additive",
            )

    def _before(
        self, metric: Metric, shifts: tuple[Shift, ...], base: str, conditions: tuple[Condition, ...]
    ) -> tuple[str, str] | None:
        """Give the range of the rows that the totals of the range add up."""
        span = self._limited(conditions)
        span = looked_at(span, shifts, base) if shifts else span
        return led_up_to(span, metric.window, metric.grain_to_date)

    def _rows_by_moment(
        self, measure: Measure, keys: tuple[Key, ...], conditions: tuple[Condition, ...]
    ) -> Scan:
        """Aggregate by the moment first, and by what filters on time and other things together need."""
        time = self._time(measure)
        found = {key.name: key.column for key in keys if not key.is_time} | {MOMENT: time}
        for number, column in enumerate(
            column
            for item in conditions
            if item.mixed
            for column in item.columns
            if not column.is_metric_time
        ):
            found[f"__filtered_{number}"] = column
        if measure.agg not in DISTRIBUTIVE and measure.agg != "average":
            found[ITEM] = Column(time.model, ITEM, measure.expr)
        inside = tuple(item for item in conditions if not (item.only_time or item.mixed))
        return Scan(
            time.model, tuple(Key(name, column) for name, column in found.items()), time, conditions=inside
        )

    # -- conversions

    def _conversion(self, metric: Metric, filters: tuple[Filter, ...], shifts: tuple[Shift, ...]) -> Node:
        self._check_lengths(metric)
        base, following = metric.measures
        first, second = (self._measure(item, metric) for item in metric.measures)
        own = self._own(metric.filters, first, metric)
        of_base = self._own(base.filters, first, metric)
        every = (*of_base, *(replace(item, own=False) for item in own), *filters)
        events = Cell(self._events(metric, first, second, every), Value(second))
        if shifts:
            raise DefinitionError(
                f"{metric.name!r} cannot be shifted in time",
                why="What follows an event belongs to the period of that event.",
                code="cannot-shift",
            )
        count: Node = self._events_beside(events) if following.join_to_timespine else events
        if following.fill_nulls_with is not None:
            count = Fill(count, following.fill_nulls_with)
        total = self._taken(base, first, every, ())
        return Ratio(count, total) if metric.conversion_rate else Beside(count, total)

    def _events_beside(self, events: Cell) -> Cell:
        assert isinstance(events.relation, Events)
        # As dbt has it: by metric_time, not by that time under its own name.
        if not any(key.is_time and key.name.startswith(METRIC_TIME) for key in events.relation.keys):
            return events
        return Cell(Spread(events.relation, (), True, range=events.relation.base.range), events.value)

    def _events(self, metric: Metric, first: Measure, second: Measure, filters: tuple[Filter, ...]) -> Events:
        base = replace(self._scan(first), conditions=self._conditions(filters, first), range=self._range())
        own = self._own(metric.measures[1].filters, second, metric)
        time = self._time(second)
        after = followed(base.range, metric.window)
        following = Scan(time.model, (), time, conditions=self._conditions(own, second), range=after)
        return Events(
            base=base,
            following=following,
            measure=second,
            entity=(
                self._element(base.model, metric.conversion_entity, metric),
                self._element(time.model, metric.conversion_entity, metric),
            ),
            window=metric.window,
            properties=tuple(
                (self._element(base.model, one, metric), self._element(time.model, other, metric))
                for one, other in metric.constant_properties
            ),
            sparse=metric.measures[1].fill_nulls_with == 0,
        )

    def _element(self, model: str, name: str, metric: Metric) -> Column:
        described = self.definitions.models[model]
        found = described.entity(name) or described.dimension(name)
        if not found:
            known = [part.name for part in described.entities] + [part.name for part in described.dimensions]
            raise DefinitionError(
                f"{metric.name!r} follows {name!r}, which {model} does not have",
                where=self._place(metric),
                todo=did_you_mean(name, known) or f"It has: {', '.join(known)}.",
                code="unknown-entity",
            )
        return Column(model, name, found.expr)


def _moves(smallest: str, shift: Shift) -> bool:
    unit = shift.window.grain if shift.window else shift.to_grain
    if unit not in TIMES or TIMES.index(smallest) > TIMES.index(unit):
        return False
    return not (smallest == "week" and (shift.to_grain or unit != "week"))


def _is_moment(reference: Reference, columns: Mapping[str, Column]) -> bool:
    """Whether a reference is a time at a grain that every engine knows, or without one."""
    item = reference.item
    is_time = item.name == METRIC_TIME or any(column.is_time for column in columns.values())
    return is_time and not reference.metric and not item.part and item.grain in ("", *TIMES)


def _is_bare_time(reference: Reference) -> bool:
    item = reference.item
    return item.name == METRIC_TIME and not (item.grain or item.part)


def _quoted(error: DefinitionError, names: Iterable[str]) -> DefinitionError:
    """Add to an unknown name that stands in a condition without braces that it may have been a value."""
    values = (name for name in names if "__" not in name)
    name = next((name for name in values if error.what == f"unknown dimension {name!r}"), "")
    if not name:
        return error
    why = f"A value stands in single quotes: '{name}'."
    return DefinitionError(error.what, where=error.where, why=why, todo=error.todo, code=error.code)


def circular(definitions: Definitions, metric: Metric) -> DefinitionError:
    """Tell that a metric is made of itself."""
    return DefinitionError(
        f"metric {metric.name!r} needs its own value",
        where=where_defined(definitions, "metrics", metric.name),
        todo="Take it out of its inputs and filters, and out of those of the metrics that it takes.",
        code="circular-metric",
    )


def _unknown_order(name: str, columns: Sequence[str]) -> DefinitionError:
    hint = did_you_mean(name, list(columns)) or f"The result has: {', '.join(columns)}."
    return DefinitionError(f"the result has no {name!r} to order by", todo=hint, code="unknown-order")
