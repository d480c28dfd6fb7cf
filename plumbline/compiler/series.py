"""Each kind of series as a common table with the keys of the result and one column or more."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from plumbline.compiler.expressions import column, earlier, grouped, named, truncated
from plumbline.compiler.plan import Accumulation, Shift
from plumbline.compiler.tables import DAY, LAST_DAY, PERIOD, Tables


def current(tables: Tables, metrics: Mapping[str, str]) -> str:
    """Take metrics as MetricFlow aggregated them; `metrics` gives the column of each."""
    keys = [column(key, "aggregated") for key in tables.keys]
    values = [column(metric, "aggregated") for metric in metrics]
    query = exp.select(*keys, *named(values, list(metrics.values()))).from_("aggregated")
    return tables.add("current", query)


def shifted(tables: Tables, metrics: Mapping[str, str], shift: Shift) -> str:
    """Take the metrics of an earlier period for each period of the time spine."""
    assert tables.request.time is not None
    periods, time = tables.periods(), tables.request.time.column
    period = column(PERIOD, periods)
    keys = [period.copy() if key == time else column(key, "aggregated") for key in tables.keys]
    values = [column(metric, "aggregated") for metric in metrics]
    match = exp.EQ(this=_moved(period, shift), expression=column(time, "aggregated"))
    selected = named([*keys, *values], [*tables.keys, *metrics.values()])
    query = exp.select(*selected).from_(periods).join("aggregated", on=match, join_type="inner")
    return tables.add("earlier", query)


def accumulated(tables: Tables, how: Accumulation, shift: Shift, name: str) -> str:
    """Add up days until the last day of each period, or until that day of the earlier period."""
    daily, periods = tables.daily(how.daily_metric, how.distinct_entity), tables.periods()
    last_day = _moved(column(LAST_DAY, periods), shift)
    keys = [
        column(PERIOD, periods) if item == tables.request.time else column(item.column, daily)
        for item in tables.request.group_by
    ]
    counted = column(how.distinct_entity or how.daily_metric, daily)
    distinct = exp.Count(this=exp.Distinct(expressions=[counted]))
    value = distinct if how.distinct_entity else exp.func(how.aggregate, counted)
    within = exp.and_(*_within(column(DAY, daily), last_day, how))
    query = grouped(named([*keys, value], [*tables.keys, name]), periods, keys)
    return tables.add("accumulated", query.join(daily, on=within, join_type="inner"))


def _moved(value: exp.Expr, shift: Shift) -> exp.Expr:
    if shift.to_grain:
        return truncated(value, shift.to_grain)
    return earlier(value, shift.window.count, shift.window.grain) if shift.window else value


def _within(day: exp.Expr, last_day: exp.Expr, how: Accumulation) -> list[exp.Expr]:
    """Keep the days of the window or of the to-date period that ends with a day."""
    found: list[exp.Expr] = [exp.LTE(this=day.copy(), expression=last_day.copy())]
    if how.grain_to_date:
        first, last = (truncated(value.copy(), how.grain_to_date) for value in (day, last_day))
        found.append(exp.EQ(this=first, expression=last))
    if how.window:
        start = earlier(last_day.copy(), how.window.count, how.window.grain)
        found.append(exp.GT(this=day.copy(), expression=start))
    return found
