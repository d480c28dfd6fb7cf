"""Questions without metrics: which members dimensions have, together, or their first and last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from plumbline.compiler.dialects import extreme
from plumbline.compiler.expressions import (
    column,
    common,
    filled_in,
    named,
    require_moments,
    selected,
    with_own_names,
    with_references,
)
from plumbline.compiler.generate import renamed
from plumbline.compiler.graph import Column, Graph
from plumbline.compiler.periods import filled
from plumbline.compiler.plan import Condition, Scan
from plumbline.compiler.request import Request, require_once
from plumbline.compiler.rows import Rows, Subquery, between
from plumbline.compiler.spines import finest, met, on_spine, spine_of, spine_rows
from plumbline.compiler.templates import Reference, Template, read_template
from plumbline.definitions import METRIC_TIME, TIMES, GroupBy
from plumbline.errors import DefinitionError

_SPINE = "time_spine"
_PERIODS = "periods"
# Rows of a natural key are versions of a member; those of a foreign key only name it.
_POINTING = {"natural": 1, "foreign": 2}
_ENDS: tuple[tuple[type[exp.Min] | type[exp.Max], str], ...] = ((exp.Min, "min"), (exp.Max, "max"))


def members(graph: Graph, request: Request, dialect: str, subquery: Subquery) -> exp.Select:
    """Give the members of what is asked for; raises DefinitionError where no model leads to all of it."""
    items = tuple(_settled(graph, item) for item in request.group_by)
    require_once(item.column for item in items)
    select, names = _Members(graph, replace(request, group_by=items), dialect, subquery).select()
    if request.apply_group_by:
        select = select.group_by(*(item.this.copy() for item in select.selects), copy=False)
    if request.min_max_only:
        select = _ends(select, names)
    return _ordered(select, request, items, names)


def _settled(graph: Graph, item: GroupBy) -> GroupBy:
    item = graph.with_calendar(item)
    return replace(item, grain="day") if item.name == METRIC_TIME and not (item.grain or item.part) else item


def _time(graph: Graph, item: GroupBy) -> Column:
    grain = item.grain or "day"
    graph.check_grain(grain, item.column)
    return Column("", METRIC_TIME, "", base="day", grain=grain, part=item.part, is_metric_time=True)


@dataclass
class _Members:
    """Reads one model, or the time spine, or each row of the one beside each period of the other."""

    graph: Graph
    request: Request
    dialect: str
    subquery: Subquery

    def select(self) -> tuple[exp.Select, list[str]]:
        """Give the statement, and the names of its columns."""
        own = self.request.own_names
        calendar = self.graph.definitions.calendar
        read = (with_own_names(read_template(text), own, self.dialect) for text in self.request.where)
        templates = [with_references(item, calendar, self.dialect) for item in read]
        references = [part for template in templates for part in template.references]
        filtered = [item for part in references for item in (part.by if part.metric else (part.item,))]
        others = [item for item in (*self.request.group_by, *filtered) if item.name != METRIC_TIME]
        times = [item for item in (*self.request.group_by, *filtered) if item.name == METRIC_TIME]
        if (self.request.time_constraint or self.request.range) and not times:
            raise _no_period(self.request)
        if not others:
            return self._of_spine(templates)
        model, found = _nearest(self.graph, others)
        conditions = [
            Condition(item, tuple(self._meant(part, model, found) for part in item.references))
            for item in templates
        ]
        for condition in conditions:
            is_moment = [part.is_time and part.grain in TIMES and not part.part for part in condition.columns]
            require_moments(condition.template, is_moment, self.dialect)
        return self._of_model(model, found, conditions, bool(times))

    def _meant(self, part: Reference, model: str, found: Mapping[GroupBy, Column]) -> Column:
        if part.metric:
            return Column(model, part.metric, "", metric=part.metric, by=part.by)
        return (
            _time(self.graph, self.graph.with_calendar(part.item))
            if part.item.name == METRIC_TIME
            else found[part.item]
        )

    def _of_spine(self, templates: Sequence[Template]) -> tuple[exp.Select, list[str]]:
        conditions = [
            Condition(item, tuple(self._meant(part, "", {}) for part in item.references))
            for item in templates
        ]
        columns = {item.column: _time(self.graph, item) for item in self.request.group_by}
        return self._periods(columns, conditions), list(columns)

    def _of_model(
        self, model: str, found: Mapping[GroupBy, Column], conditions: Sequence[Condition], timed: bool
    ) -> tuple[exp.Select, list[str]]:
        rows = Rows(
            self.graph,
            Scan(model, (), Column(model, "", "")),
            self.dialect,
            self.subquery,
            every_member=True,
        )
        values = {
            item.column: column(item.column, _PERIODS)
            if item.name == METRIC_TIME
            else rows.value(found[item])
            for item in self.request.group_by
        }
        names = [_with_grain(item, found).column for item in self.request.group_by]
        require_once(names)
        beside = [item for item in conditions if not item.only_time]
        where = [self._asked_of_both(item, rows) for item in beside]
        select = rows.source(exp.select(*named(list(values.values()), names)))
        if timed:
            periods = self._beside(conditions, beside)
            where += self._within(periods, conditions)
            select = _beside_each(select, periods)
        return (select.where(*where) if where else select), names

    def _within(self, periods: exp.Subquery, conditions: Sequence[Condition]) -> list[exp.Expr]:
        """Where periods are limited, leave out members that stand under none."""
        limited = self.request.time_constraint or self.request.range
        if not (limited or any(item.only_time for item in conditions)):
            return []
        period = column(periods.this.named_selects[0], _PERIODS)
        return [exp.Not(this=exp.Is(this=period, expression=exp.null()))]

    def _asked_of_both(self, condition: Condition, rows: Rows) -> exp.Expr:
        values = [
            column(_seen(item), _PERIODS) if item.is_metric_time else rows.value(item)
            for item in condition.columns
        ]
        return filled_in(condition.template, values, self.dialect)

    def _beside(self, conditions: Sequence[Condition], beside: Sequence[Condition]) -> exp.Subquery:
        """Give every period that is shown or asked about, once."""
        needed = {
            item.column: _time(self.graph, item) for item in self.request.group_by if item.name == METRIC_TIME
        }
        for condition in beside if needed or any(item.mixed for item in beside) else conditions:
            needed |= {_seen(item): item for item in condition.columns if item.is_metric_time}
        on_time = [item for item in conditions if item.only_time]
        periods = self._periods(needed, on_time)
        return (periods.distinct() if self.request.apply_group_by else periods).subquery(_PERIODS)

    def _periods(self, columns: Mapping[str, Column], conditions: Sequence[Condition]) -> exp.Select:
        every = [*columns.values(), *(item for part in conditions for item in part.columns)]
        span = self.request.range
        if self.request.time_constraint:
            span = filled(self.request.time_constraint, finest(list(columns.values())))
        spine = spine_of(self.graph.definitions, every, span)
        values = [on_spine(spine, _SPINE, item, self.dialect) for item in columns.values()]
        table = spine_rows(self.graph.definitions, spine, every, _SPINE)
        where = met(spine, _SPINE, conditions, self.dialect)
        where += between(column(spine.column, _SPINE), span)
        select = selected(values, list(columns), table)
        return select.where(*where) if where else select


def _beside_each(select: exp.Select, periods: exp.Subquery) -> exp.Select:
    """Put rows of the model beside each period, before members are joined that no row leads to."""
    joins = select.args.get("joins") or []
    select.set("joins", [exp.Join(this=periods, kind="CROSS"), *joins])
    return select


def _seen(item: Column) -> str:
    """Name a period as a question would."""
    return GroupBy(METRIC_TIME, "" if item.part else item.grain, item.part).column


def _with_grain(item: GroupBy, found: Mapping[GroupBy, Column]) -> GroupBy:
    if item.name == METRIC_TIME or item.part or not found[item].is_time:
        return item
    return replace(item, grain=found[item].grain)


def _no_period(request: Request) -> DefinitionError:
    return DefinitionError(
        f"a time range limits {METRIC_TIME}, which is not asked for",
        where=", ".join(item.column for item in request.group_by),
        todo="Add metric_time__month, or filter a time of the members under `where`.",
        code="needs-time",
    )


def _nearest(graph: Graph, items: Sequence[GroupBy]) -> tuple[str, Mapping[GroupBy, Column]]:
    """Choose the model with the fewest joins; among equals, the one whose rows are the members."""
    ways = [
        (_distance(graph, model, list(found.values())), model, found)
        for model in graph.definitions.models
        for found in _ways(graph, model, items)
        # What only another model's keys lead to met there once; elsewhere it may have met otherwise.
        if not all(column.path for column in found.values())
    ]
    if not ways:
        raise _apart(graph, items)
    _, model, found = min(ways, key=lambda way: way[0])
    return model, found


def _ways(graph: Graph, model: str, items: Sequence[GroupBy]) -> Iterator[Mapping[GroupBy, Column]]:
    """Read names as a model knows them: without a start that all have, which leads to the model."""
    keys = {entity.name for entity in graph.definitions.models[model].entities if entity.type != "foreign"}
    names = [item.name.split("__") for item in items]
    for start in range(max(min(map(len, names)) - 1, 1)):
        if any(name[:start] != names[0][:start] for name in names):
            return
        if start and any(name[start] not in keys for name in names):
            continue
        known = [replace(item, name="__".join(name[start:])) for item, name in zip(items, names, strict=True)]
        if not all(graph.leads([model], graph.with_calendar(short).name) for short in known):
            continue
        try:
            yield {
                item: graph.resolve([model], short, "")[model]
                for item, short in zip(items, known, strict=True)
            }
        except DefinitionError:
            continue


def _apart(graph: Graph, items: Sequence[GroupBy]) -> DefinitionError:
    """Tell a name that nothing has from names that no model has together."""
    for item in items:
        name = graph.with_calendar(item).name
        leading = [model for model in graph.definitions.models if graph.search(model, name)]
        for model in leading or list(graph.definitions.models)[:1]:
            try:
                graph.resolve([model], item, "")
            except DefinitionError as error:
                if leading or error.code == "unknown-dimension":
                    return error
    return DefinitionError(
        f"no model leads to all of {', '.join(item.column for item in items)}",
        todo="Ask for fewer dimensions, or add a metric, whose model says how they belong together.",
        code="unreachable-dimension",
    )


def _distance(graph: Graph, name: str, columns: Sequence[Column]) -> tuple[int, int, int]:
    """Count joins, keys that only point to members or repeat them, and how much else the model has."""
    model = graph.definitions.models[name]
    joins = {column.path[: part + 1] for column in columns for part in range(len(column.path))}
    kinds = [model.entity(column.name) for column in columns if not column.path]
    pointing = sum(_POINTING.get(entity.type, 0) for entity in kinds if entity)
    return len(joins), pointing, len(model.dimensions) + len(model.entities)


def _ends(select: exp.Select, names: Sequence[str]) -> exp.Select:
    source = select.subquery("members")
    ends = [
        exp.alias_(extreme(kind, column(name)), f"{name}__{end}", quoted=True)
        for name in names
        for kind, end in _ENDS
    ]
    return exp.select(*ends).from_(common(source), copy=False)


def _ordered(
    select: exp.Select, request: Request, items: Sequence[GroupBy], names: Sequence[str]
) -> exp.Select:
    asked = (*(item.name for item in items), *(item.column for item in items), *names)
    known = dict(zip(asked, [*names] * 3, strict=True))
    if request.min_max_only:
        known = {name: name for name in select.named_selects}
    aliases = {known.get(name, name): alias for name, alias in request.aliases}
    known |= {alias: name for name, alias in aliases.items()}
    select = renamed(select, aliases)
    for text in request.order_by:
        name = text.removeprefix("-")
        if name not in known:
            todo = f"The result has: {', '.join(dict.fromkeys(known.values()))}."
            raise DefinitionError(f"the result has no {name!r} to order by", todo=todo, code="unknown-order")
        key = column(aliases.get(known[name], known[name]))
        ordered = exp.Ordered(this=key, desc=text.startswith("-"), nulls_first=False)
        select = select.order_by(ordered)
    return select.limit(request.limit) if request.limit is not None else select
