"""Conversions: which share of events is followed by another of the same entity within a time.

What follows counts for the last event before it, in the period and under the dimensions of that event.
"""

from __future__ import annotations

from sqlglot import exp

from plumbline.compiler.expressions import column, divided, earlier, grouped, named
from plumbline.compiler.plan import Conversion
from plumbline.compiler.tables import DAY, Tables

_BASE_DAY = "base_day"
_ZERO = exp.Literal.number(0)


def converted(tables: Tables, how: Conversion, name: str) -> str:
    """Count events, and those that are followed; divide them when a rate is asked for."""
    base = tables.daily(how.base_metric, how.entity)
    following = tables.daily(how.following_metric, how.entity, by_dimensions=False)
    last = tables.add("last_base", _last_base(base, following, how))
    one = tables.add("one_base", _one_base(tables, base, how.entity))
    keys = tables.keys_by_day(base)
    total = exp.Sum(this=column(how.base_metric, base))
    bases = tables.add("bases", grouped(named([*keys, total], [*tables.keys, "bases"]), base, keys))
    followed = tables.add("followed", _followed(tables, last, one, how))
    return tables.add("converted", _merged(tables, bases, followed, how, name))


def _last_base(base: str, following: str, how: Conversion) -> exp.Query:
    """Find, for each day on which an entity did what counts, its last event within the window before."""
    day, before = column(DAY, following), column(DAY, base)
    match = [
        exp.EQ(this=column(how.entity, following), expression=column(how.entity, base)),
        exp.LTE(this=before, expression=day),
    ]
    if how.window:
        start = earlier(day.copy(), how.window.count, how.window.grain)
        match.append(exp.GT(this=before.copy(), expression=start))
    counted = column(how.following_metric, following)
    keys = [column(how.entity, following), counted, day.copy()]
    latest = exp.alias_(exp.Max(this=before.copy()), _BASE_DAY, quoted=True)
    query = grouped([*keys, latest], following, keys).join(base, on=exp.and_(*match), join_type="inner")
    return query.where(exp.GT(this=counted.copy(), expression=_ZERO.copy()))


def _one_base(tables: Tables, base: str, entity: str) -> exp.Query:
    """Keep one row per entity and day: of two events on one day, the first by dimensions."""
    dimensions = [item.column for item in tables.request.dimensions]
    columns = [DAY, *dimensions, entity]
    ordered = [exp.Ordered(this=column(name, base), nulls_first=False) for name in dimensions]
    number = exp.Window(
        this=exp.RowNumber(),
        partition_by=[column(entity, base), column(DAY, base)],
        order=exp.Order(expressions=ordered or [column(DAY, base)]),
    )
    numbered = exp.select(*(column(name, base) for name in columns), exp.alias_(number, "number")).from_(base)
    first = exp.EQ(this=exp.column("number"), expression=exp.Literal.number(1))
    return exp.select(*(column(name) for name in columns)).from_(numbered.subquery("numbered")).where(first)


def _followed(tables: Tables, last: str, one: str, how: Conversion) -> exp.Query:
    keys = tables.keys_by_day(one)
    distinct = exp.Count(this=exp.Distinct(expressions=[column(how.entity, last)]))
    value = distinct if how.distinct else exp.Sum(this=column(how.following_metric, last))
    same = exp.and_(
        exp.EQ(this=column(how.entity, last), expression=column(how.entity, one)),
        exp.EQ(this=column(_BASE_DAY, last), expression=column(DAY, one)),
    )
    selected = named([*keys, value], [*tables.keys, "followed"])
    return grouped(selected, last, keys).join(one, on=same, join_type="inner")


def _merged(tables: Tables, bases: str, followed: str, how: Conversion, name: str) -> exp.Query:
    """Merge on the keys; grouping brings rows with empty keys together again."""
    nothing = exp.cast(exp.null(), "BIGINT")
    both = exp.union(
        _counts(tables, bases, column("bases", bases), nothing),
        _counts(tables, followed, nothing.copy(), column("followed", followed)),
        distinct=False,
    )
    total, count = exp.Max(this=column("bases")), exp.Max(this=column("followed"))
    rate = divided(exp.Coalesce(this=count, expressions=[_ZERO.copy()]), total)
    keys = [column(key) for key in tables.keys]
    selected = [*keys, exp.alias_(rate if how.rate else count, name, quoted=True)]
    return exp.select(*selected).from_(both.subquery("both_counts")).group_by(*(key.copy() for key in keys))


def _counts(tables: Tables, table: str, bases: exp.Expr, followed: exp.Expr) -> exp.Select:
    keys = [column(key, table) for key in tables.keys]
    return exp.select(*named([*keys, bases, followed], [*tables.keys, "bases", "followed"])).from_(table)
