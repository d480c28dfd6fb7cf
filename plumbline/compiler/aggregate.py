"""Ask MetricFlow for plain metrics, as a syntax tree; one answer serves every grain of time."""

from __future__ import annotations

from dataclasses import replace

import sqlglot
from sqlglot import exp

from plumbline.compiler.metricflow import write_sql
from plumbline.compiler.request import Request
from plumbline.definitions import METRIC_TIME, Definitions, GroupBy

_GRAIN = "month"
_KEPT_TREES = 1000
_trees: dict[tuple[str, str, str], exp.Query] = {}


def aggregate(definitions: Definitions, request: Request, dialect: str) -> exp.Query:
    """Give MetricFlow's query, with the columns named as asked."""
    return _named(_aggregate(definitions, request, dialect), request)


def _named(tree: exp.Query, request: Request) -> exp.Query:
    """MetricFlow writes out a dimension that it found on a longer way: `customer__territory__name`."""
    for item, column in zip(request.group_by, tree.selects, strict=False):
        if isinstance(column, exp.Alias) and column.alias != item.column:
            for ordered in tree.args["order"].find_all(exp.Column) if tree.args.get("order") else ():
                if ordered.name == column.alias:
                    ordered.set("this", exp.to_identifier(item.column))
            column.set("alias", exp.to_identifier(item.column))
    return tree


def _aggregate(definitions: Definitions, request: Request, dialect: str) -> exp.Query:
    """MetricFlow writes the same SQL for months and years but for the unit of time."""
    if _grain_matters(definitions, request):
        return _parse(write_sql(definitions, request, dialect), dialect)
    assert request.time is not None
    grain = request.time.grain
    monthly = replace(request, group_by=tuple(_at_grain(item, _GRAIN) for item in request.group_by))
    key = (definitions.digest, dialect, monthly.key)
    if key not in _trees:
        if len(_trees) >= _KEPT_TREES:
            _trees.clear()
        _trees[key] = _parse(write_sql(definitions, monthly, dialect), dialect)
    tree = _trees[key]
    if grain == _GRAIN:
        return tree.copy()
    if any(column.name == f"{METRIC_TIME}__{grain}" for column in tree.find_all(exp.Identifier)):
        return _parse(write_sql(definitions, request, dialect), dialect)
    return _regrain(tree, grain)


def _grain_matters(definitions: Definitions, request: Request) -> bool:
    """Whether months stand elsewhere in the question than in its one period."""
    if any(definitions.metrics[name].type not in ("simple", "conversion") for name in request.metrics):
        return True
    filtered = request.time_constraint or request.limit is not None or request.order_by
    others = any(item.grain for item in request.dimensions) or any("Time" in text for text in request.where)
    return bool(filtered or others or request.filters_time or not (request.time and request.time.grain))


def _at_grain(item: GroupBy, grain: str) -> GroupBy:
    return replace(item, grain=grain) if item.name == METRIC_TIME else item


def _parse(sql: str, dialect: str) -> exp.Query:
    tree = sqlglot.parse_one(sql, dialect=dialect)
    assert isinstance(tree, exp.Query)
    return tree


def _regrain(tree: exp.Query, grain: str) -> exp.Query:
    old, new = f"{METRIC_TIME}__{_GRAIN}", f"{METRIC_TIME}__{grain}"

    def change(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Identifier) and node.name == old:
            return exp.to_identifier(new, quoted=node.quoted)
        unit = node.args.get("unit") if isinstance(node, exp.DateTrunc | exp.TimestampTrunc) else None
        if isinstance(unit, exp.Literal | exp.Var) and unit.name.lower() == _GRAIN:
            unit.set("this", grain.upper())
        return node

    changed = tree.transform(change)
    assert isinstance(changed, exp.Query)
    return changed
