"""Write the statement: the series as common tables, joined on their keys, put into formulas, ordered."""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from plumbline.compiler.conversions import converted
from plumbline.compiler.expressions import column, divided, named, truncated
from plumbline.compiler.plan import Formula, Node, Plan, Ratio, Series
from plumbline.compiler.request import Request
from plumbline.compiler.series import accumulated, current, shifted
from plumbline.compiler.tables import Aggregate, Tables
from plumbline.definitions import Definitions


def generate(
    definitions: Definitions, request: Request, plan: Plan, dialect: str, aggregate: Aggregate
) -> str:
    """Give one SELECT; `aggregate` asks MetricFlow for plain metrics by the columns given."""
    tables = Tables(definitions, request, aggregate)
    columns = {series: f"{series.metric}__{number}" for number, series in enumerate(plan.series)}
    parts = list(_parts(tables, plan, columns))
    source = parts[0] if len(parts) == 1 else _joined(tables, parts, list(columns.values()))
    values = [_value(node, columns, dialect) for node in plan.outputs.values()]
    select = exp.select(*(column(key) for key in tables.keys), *named(values, list(plan.outputs)))
    select = select.from_(source)
    for name, query in tables.queries.items():
        select = select.with_(name, as_=query, copy=False)
    if plan.looks_around:
        select = select.where(*_asked_periods(request))
    return _ordered(select, request).sql(dialect=dialect, pretty=True)


def _asked_periods(request: Request) -> list[exp.Expr]:
    """Keep the periods that the time range touches, now that the others were looked at."""
    if not (request.time_constraint and request.time):
        return []
    period = column(request.time.column)
    start, end = (exp.cast(exp.Literal.string(text[:10]), "DATE") for text in request.time_constraint)
    return [
        exp.GTE(this=period, expression=truncated(start, request.time.grain)),
        exp.LTE(this=period.copy(), expression=end),
    ]


def _ordered(select: exp.Select, request: Request) -> exp.Select:
    for name in request.order_by:
        key = column(name.removeprefix("-"))
        select = select.order_by(exp.Ordered(this=key, desc=name.startswith("-"), nulls_first=False))
    return select.limit(request.limit) if request.limit is not None else select


def _parts(tables: Tables, plan: Plan, columns: dict[Series, str]) -> Iterator[str]:
    """Give the tables that hold the series: each has the keys, and some of the columns."""
    plain = [series for series in columns if not (series.accumulated or series.converted)]
    if plain:
        tables.aggregated(tuple(dict.fromkeys(series.metric for series in plain)))
    for shift in dict.fromkeys(series.shift for series in plain):
        metrics = {series.metric: columns[series] for series in plain if series.shift == shift}
        yield shifted(tables, metrics, shift) if shift else current(tables, metrics)
    for series, name in columns.items():
        if series.accumulated:
            yield accumulated(tables, plan.accumulations[series.metric], series.shift, name)
        elif series.converted:
            yield converted(tables, plan.conversions[series.metric], name)


def _joined(tables: Tables, parts: list[str], values: list[str]) -> str:
    """Join on the keys; grouping afterwards brings rows with empty keys together again."""
    query = exp.select().from_(parts[0])
    for number, part in enumerate(parts[1:], start=1):
        match = [
            exp.EQ(this=_first(key, parts[:number]), expression=column(key, part)) for key in tables.keys
        ]
        if match:
            query = query.join(part, on=exp.and_(*match), join_type="full outer")
        else:
            query = query.join(part, join_type="cross")
    keys = [_first(key, parts) for key in tables.keys]
    largest = [exp.Max(this=column(name)) for name in values]
    query = query.select(*named([*keys, *largest], [*tables.keys, *values]))
    return tables.add("joined", query.group_by(*(key.copy() for key in keys)))


def _first(key: str, parts: list[str]) -> exp.Expr:
    columns = [column(key, part) for part in parts]
    return exp.Coalesce(this=columns[0], expressions=columns[1:]) if columns[1:] else columns[0]


def _value(node: Node, columns: dict[Series, str], dialect: str) -> exp.Expr:
    """Turn a tree over series into an expression over their columns."""
    if isinstance(node, Series):
        return column(columns[node])
    if isinstance(node, Ratio):
        above, below = (_value(part, columns, dialect) for part in (node.numerator, node.denominator))
        return divided(above, below)
    return _formula(node, columns, dialect)


def _formula(node: Formula, columns: dict[Series, str], dialect: str) -> exp.Expr:
    inputs = {name: _value(part, columns, dialect) for name, part in node.inputs}

    def replace(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Column) and not part.table and part.name in inputs:
            value = inputs[part.name].copy()
            return value if isinstance(value, exp.Column) else exp.paren(value, copy=False)
        return part

    return sqlglot.parse_one(node.expr, dialect=dialect).transform(replace)
