"""Questions without metrics: which members dimensions have, together, or their first and last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from plumbline.compiler.dialects import part_of
from plumbline.compiler.expressions import column, named, with_references
from plumbline.compiler.graph import Column, Graph
from plumbline.compiler.periods import filled
from plumbline.compiler.plan import Condition, Scan
from plumbline.compiler.request import Request
from plumbline.compiler.rows import Rows, Subquery, between
from plumbline.compiler.spines import finest, met, on_spine, spine_for
from plumbline.compiler.templates import read_template
from plumbline.definitions import METRIC_TIME, GroupBy
from plumbline.errors import DefinitionError

_SPINE = "time_spine"


def members(graph: Graph, request: Request, dialect: str, subquery: Subquery) -> exp.Select:
    """Give the members of what is asked for; raises DefinitionError where no model leads to all of it."""
    items = [_settled(graph, item) for item in request.group_by]
    times = [item for item in items if item.name == METRIC_TIME]
    others = [item for item in items if item.name != METRIC_TIME]
    if others:
        select, items = _of_model(graph, request, others, times, dialect, subquery)
    else:
        select = _of_spine(graph, request, times, dialect)
    values = {item.alias: item.this for item in select.selects}
    names = [item.column for item in items]
    select.set("expressions", named([values[name] for name in names], names))
    if request.apply_group_by:
        select = select.group_by(*(values[name].copy() for name in names), copy=False)
    if request.min_max_only:
        select = _ends(select, names)
    return _ordered(select, request, items)


def _settled(graph: Graph, item: GroupBy) -> GroupBy:
    item = graph.with_calendar(item)
    return replace(item, grain="day") if item.name == METRIC_TIME and not (item.grain or item.part) else item


def _time(item: GroupBy) -> Column:
    return Column(
        "", METRIC_TIME, "", base="day", grain=item.grain or "day", part=item.part, is_metric_time=True
    )


def _of_spine(graph: Graph, request: Request, times: Sequence[GroupBy], dialect: str) -> exp.Select:
    columns = [_time(item) for item in times]
    conditions = []
    for text in request.where:
        template = with_references(read_template(text), graph.definitions.calendar, dialect)
        found = tuple(_time(graph.with_calendar(part.item)) for part in template.references)
        conditions.append(Condition(template, found))
    every = [*columns, *(item for part in conditions for item in part.columns)]
    spine = spine_for(graph.definitions, finest(every), [item.grain for item in every])
    values = [on_spine(spine, _SPINE, item, dialect) for item in columns]
    table = exp.to_table(spine.relation, dialect="duckdb", alias=_SPINE)
    select = exp.select(*named(values, [item.column for item in times])).from_(table)
    where = met(spine, _SPINE, conditions, dialect)
    if request.time_constraint:
        span = filled(request.time_constraint, finest(columns))
        where += between(column(spine.column, _SPINE), span)
    return select.where(*where) if where else select


def _of_model(
    graph: Graph,
    request: Request,
    items: Sequence[GroupBy],
    times: Sequence[GroupBy],
    dialect: str,
    subquery: Subquery,
) -> tuple[exp.Select, list[GroupBy]]:
    """Read the model from which the shortest ways lead to everything."""
    templates = [
        with_references(read_template(text), graph.definitions.calendar, dialect) for text in request.where
    ]
    asked = [*items, *(part.item for template in templates for part in template.references)]
    asked = [item for item in asked if item.name != METRIC_TIME]
    model, found = _nearest(graph, asked)
    scan = Scan(model, (), Column(model, "", ""))
    rows = Rows(graph, scan, dialect, subquery)
    named_items = [_with_grain(item, found[item]) for item in items]
    values = [rows.value(found[item]) for item in items]
    select = exp.select(*named(values, [item.column for item in named_items]))
    conditions = [
        Condition(
            template,
            tuple(
                found[part.item] if part.item in found else _time(part.item) for part in template.references
            ),
        )
        for template in templates
    ]
    on_time = [item for item in conditions if item.only_time]
    where = [rows.condition(item) for item in conditions if not item.only_time]
    select = rows.source(select)
    select = select.where(*where) if where else select
    if not times:
        return select, named_items
    periods = _of_spine(graph, replace(request, where=()), times, dialect)
    spine_columns = [_time(item) for item in times]
    if on_time:
        every = [*spine_columns, *(item for part in on_time for item in part.columns)]
        spine = spine_for(graph.definitions, finest(every), [item.grain for item in every])
        periods = periods.where(*met(spine, _SPINE, on_time, dialect))
    select = select.join(periods.distinct().subquery("periods"), join_type="cross")
    select = select.select(
        *named([column(item.column, "periods") for item in times], [item.column for item in times])
    )
    order = {item.name: number for number, item in enumerate(request.group_by)}
    both = sorted([*named_items, *times], key=lambda item: order.get(item.name, 0))
    return select, both


def _with_grain(item: GroupBy, found: Column) -> GroupBy:
    return replace(item, grain=found.grain) if found.is_time and not item.part else item


def _nearest(graph: Graph, items: Sequence[GroupBy]) -> tuple[str, Mapping[GroupBy, Column]]:
    best: tuple[int, str, dict[GroupBy, Column]] | None = None
    refused: DefinitionError | None = None
    for model in graph.definitions.models:
        try:
            found = {item: graph.resolve([model], item, "")[model] for item in items}
        except DefinitionError as error:
            refused = refused or error
            continue
        hops = len({column.path[: part + 1] for column in found.values() for part in range(len(column.path))})
        if best is None or hops < best[0]:
            best = (hops, model, found)
    if best is None:
        raise DefinitionError(
            f"no model leads to all of {', '.join(item.column for item in items)}",
            todo="Ask for fewer dimensions, or add a metric, whose model says how they belong together.",
            code="cannot-resolve",
        ) from refused
    return best[1], best[2]


def _ends(select: exp.Select, names: Sequence[str]) -> exp.Select:
    source = select.subquery("members")
    ends = [
        exp.alias_(kind(this=column(name)), f"{name}__{end}", quoted=True)
        for name in names
        for kind, end in ((exp.Min, "min"), (exp.Max, "max"))
    ]
    return exp.select(*ends).from_(source)


def _ordered(select: exp.Select, request: Request, items: Sequence[GroupBy]) -> exp.Select:
    known = {item.name: item.column for item in items} | {item.column: item.column for item in items}
    for text in request.order_by:
        name = text.removeprefix("-")
        if name not in known:
            todo = f"The result has: {', '.join(item.column for item in items)}."
            raise DefinitionError(f"the result has no {name!r} to order by", todo=todo, code="unknown-order")
        ordered = exp.Ordered(this=column(known[name]), desc=text.startswith("-"), nulls_first=False)
        select = select.order_by(ordered)
    return select.limit(request.limit) if request.limit is not None else select


__all__ = ["members", "part_of"]
