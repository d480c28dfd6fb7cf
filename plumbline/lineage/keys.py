"""Which columns of a SELECT tell its rows apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from plumbline.lineage.expressions import aggregates, conjuncts, maybe_aggregates
from plumbline.lineage.joins import Rows
from plumbline.lineage.parts import NOTHING, Key, Marks, Span
from plumbline.lineage.projection import Projection, origin_of
from plumbline.lineage.scope import Scope


def output_keys(node: exp.Select, scope: Scope, projection: Projection, rows: Rows) -> dict[Key, Marks]:
    """Give sets of columns of which no two rows have the same values, with what guards that."""
    if projection.multiplied is not None or projection.is_open:
        return {}
    group = node.args.get("group")
    if group is not None:
        found = _group_keys(group, projection)
    elif any(map(aggregates, projection.computed)):
        found = {frozenset(): NOTHING}
    elif any(map(maybe_aggregates, projection.computed)):
        return {}
    else:
        found = _kept_keys(rows, _places(projection))
    found |= dict.fromkeys(_numbered_keys(node, scope, projection), NOTHING)
    distinct = node.args.get("distinct")
    if distinct is not None and not distinct.args.get("on"):
        found[frozenset(output.name for output in projection.outputs)] = NOTHING
    return found


def output_spans(scope: Scope, projection: Projection) -> frozenset[Span]:
    """Give the times that do not overlap for one key: of the sources, and those up to the next begin."""
    if projection.is_open:
        return frozenset()
    places = _places(projection)
    found = set(_begun_spans(scope, projection))
    for alias, shape in scope.sources:
        names = {name: places[alias, name] for name in shape.columns if (alias, name) in places}
        found |= {span.renamed(names) for span in shape.spans if span.columns <= names.keys()}
    return frozenset(found)


def _begun_spans(scope: Scope, projection: Projection) -> Iterator[Span]:
    """The spans that `lead(since) over (partition by key order by since)` makes."""
    places = _places(projection)
    for output in projection.outputs:
        value = output.node
        if not isinstance(value, exp.Window) or not isinstance(value.this, exp.Lead):
            continue
        window = scope.windows.get(value.alias.lower(), value) if value.alias else value
        order = window.args["order"].expressions if window.args.get("order") else []
        is_plain = not any(value.this.args.get(name) for name in ("offset", "default")) and len(order) == 1
        key = _placed_columns(list(window.args.get("partition_by") or []), scope, places)
        since = _placed_columns([value.this.this], scope, places)
        if is_plain and key and since and order[0].this == value.this.this and not order[0].args.get("desc"):
            (begin,) = since
            yield Span(key, begin, output.name)


def _kept_keys(rows: Rows, places: Mapping[tuple[str, str], str]) -> dict[Key, Marks]:
    return {
        frozenset(places[part] for part in key): guards
        for key, guards in rows.keys.items()
        if all(part in places for part in key)
    }


def _places(projection: Projection) -> dict[tuple[str, str], str]:
    """Where the columns of the sources stand in the projection."""
    return {output.origin: output.name for output in reversed(projection.outputs) if output.origin}


def _group_keys(group: exp.Group, projection: Projection) -> dict[Key, Marks]:
    """The columns of a plain GROUP BY, where all of them are in the projection."""
    if any(group.args.get(name) for name in ("grouping_sets", "cube", "rollup", "totals", "all")):
        return {}
    names = [_output_of(item, projection) for item in group.expressions]
    if any(isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets) for item in group.expressions):
        return {}
    return {frozenset(name for name in names if name): NOTHING} if all(names) else {}


def _output_of(item: exp.Expr, projection: Projection) -> str:
    if isinstance(item, exp.Literal) and item.name.isdigit():
        place = int(item.name) - 1
        return projection.outputs[place].name if place < len(projection.outputs) else ""
    return next((output.name for output in projection.outputs if output.node == item), "")


def _numbered_keys(node: exp.Select, scope: Scope, projection: Projection) -> Iterator[Key]:
    """The partition of each row_number(), with the number or where a condition fixes it."""
    named, places = {output.name: output.node for output in projection.outputs}, _places(projection)
    for name, value in named.items():
        columns = _placed_columns(_numbered_partition(value, scope), scope, places)
        if columns is not None:
            yield columns | {name}
    for condition in conjuncts(node.args.get("qualify")):
        if isinstance(condition, exp.EQ) and isinstance(condition.right, exp.Literal):
            left = condition.left
            value = named.get(left.name.lower()) if isinstance(left, exp.Column) else left
            columns = _placed_columns(_numbered_partition(value, scope), scope, places)
            if columns is not None:
                yield columns


def _placed_columns(
    partition: list[exp.Expr] | None, scope: Scope, places: Mapping[tuple[str, str], str]
) -> Key | None:
    """Name the output columns that show a partition; None where one of it is not shown."""
    if partition is None:
        return None
    origins = [origin_of(item, scope) for item in partition]
    if any(origin is None or origin not in places for origin in origins):
        return None
    return frozenset(places[origin] for origin in origins if origin)


def _numbered_partition(value: exp.Expr | None, scope: Scope) -> list[exp.Expr] | None:
    while isinstance(value, exp.Cast | exp.Paren):
        value = value.this
    if not isinstance(value, exp.Window) or not isinstance(value.this, exp.RowNumber):
        return None
    window = scope.windows.get(value.alias.lower(), value) if value.alias else value
    return list(window.args.get("partition_by") or [])
