"""From which day on the data cover what a metric counts: a value that rests on earlier days is partial.

Each date that periods are made of is covered from its first row on. As many days before it as nothing happens
now and then are covered, too: the longest silence between two later rows, but for one in a hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from plumbline.definitions import GRAINS, Definitions, Metric, MetricInput, Window
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "coverage"


@dataclass(frozen=True)
class Source:
    """A date column of a mart, by which rows are put into periods."""

    mart: str
    column: str


Coverage = Mapping[Source, date]

_SPAN = """
SELECT '{mart}' AS mart, '{column}' AS time_column, min(day) AS first_date, max(day) AS last_date,
    CAST(coalesce(quantile_disc(day - earlier, 0.99) - 1, 0) AS BIGINT) AS usual_silence
FROM (
    SELECT day, lag(day) OVER (ORDER BY day) AS earlier
    FROM (SELECT DISTINCT CAST({expr} AS DATE) AS day FROM {relation})
    WHERE isfinite(day) AND day <= DATE '{as_of}'
)
HAVING count(*) > 0"""
_COVERAGE = """
CREATE TABLE candidates.coverage AS
SELECT *, CAST(first_date - CAST(usual_silence AS INTEGER) AS DATE) AS data_from
FROM ({spans}) ORDER BY mart, time_column"""


def write_coverage(con: DuckDBPyConnection, definitions: Definitions, as_of: date) -> Coverage:
    """Write `candidates.coverage`, a row per date column that measures use, and give what it says."""
    spans = [
        _SPAN.format(
            mart=_text(source.mart), column=_text(source.column), expr=expr, relation=relation, as_of=as_of
        )
        for source, (expr, relation) in sorted(_sources(definitions).items(), key=lambda item: str(item[0]))
    ]
    con.execute(_COVERAGE.format(spans=" UNION ALL ".join(spans)))
    return read_coverage(con, "candidates")


def read_coverage(con: DuckDBPyConnection, schema: str) -> Coverage:
    """Read from which day on each date column is covered; nothing where no such table was written."""
    there = con.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_catalog = current_database()"
        f" AND table_schema = ? AND table_name = '{TABLE}'",
        [schema],
    ).fetchall()
    if not there:
        return {}
    rows = con.execute(f"SELECT mart, time_column, data_from FROM {quoted(schema)}.{TABLE}").fetchall()
    return {Source(mart, column): day for mart, column, day in rows}


def data_from(definitions: Definitions, coverage: Coverage, metric: str) -> date | None:
    """Give the first day of which the data have all that a metric counts; None where that is unknown."""
    found = _needs(definitions, definitions.metrics[metric], "period", "period")
    return max((coverage[source] for source, _ in found if source in coverage), default=None)


def first_day(definitions: Definitions, coverage: Coverage, metrics: Iterable[str]) -> date | None:
    """Give the first day that the data of any of the metrics cover; None where that is unknown."""
    counted = (source for name in metrics for source in _counted(definitions, definitions.metrics[name]))
    return min((coverage[source] for source in counted if source in coverage), default=None)


def uncovered_sql(definitions: Definitions, coverage: Coverage, metric: str, start: str, last: str) -> str:
    """Write whether the value of a period rests on days before the data; '' where it never does.

    `start` and `last` are the SQL of the first and the last day that the period counts. A figure compared
    with an earlier one rests on that period, too; one to date, or of a window, on all days since its
    beginning. The last snapshot of a period, and a total of all time, rest on what there is.
    """
    first: dict[str, date] = {}
    for source, begin in _needs(definitions, definitions.metrics[metric], start, last):
        if source in coverage:
            first[begin] = max(coverage[source], first.get(begin, date.min))
    return " OR ".join(f"{begin} < DATE '{day}'" for begin, day in first.items())


def unsettled_sql(definitions: Definitions, metric: str, start: str, last: str, as_of: date) -> str:
    """Write whether what may follow the events of a period still had time at `as_of`; '' where nothing does.

    `start` and `last` are the SQL of the first and the last day of the period. The day of the event is the
    first of those that what follows has.
    """
    found = _follow_ups(definitions, definitions.metrics[metric], start, last)
    told = (f"{day} + {_interval(window)} - INTERVAL 1 DAY > DATE '{as_of}'" for window, day in found)
    return " OR ".join(dict.fromkeys(told))


def _follow_ups(
    definitions: Definitions, metric: Metric, start: str, last: str
) -> Iterator[tuple[Window, str]]:
    """Give how long what follows has time, each with the SQL of the last day that it may follow."""
    for item in metric.inputs:
        yield from _follow_ups(definitions, definitions.metrics[item.name], *_moved(item, start, last))
    if metric.type == "conversion" and metric.window:
        yield metric.window, last


def _needs(definitions: Definitions, metric: Metric, start: str, last: str) -> Iterator[tuple[Source, str]]:
    """Name the date columns that a value rests on, each with the SQL of the first day that it counts."""
    for item in metric.inputs:
        yield from _needs(definitions, definitions.metrics[item.name], *_moved(item, start, last))
    # What follows a conversion's base happens later.
    for taken in metric.measures[: 1 if metric.type == "conversion" else None]:
        model, measure = definitions.model_of(taken.name), definitions.measure(taken.name)
        begin = _begin(metric, start, last)
        is_last = measure and measure.non_additive and measure.non_additive.choice == "max"
        if model and measure and begin and not is_last:
            yield Source(_table(model.relation), measure.time_dimension), begin


def _counted(definitions: Definitions, metric: Metric) -> Iterator[Source]:
    """Name the date columns of all that a metric counts, whichever days its values rest on."""
    for item in metric.inputs:
        yield from _counted(definitions, definitions.metrics[item.name])
    for taken in metric.measures:
        model, measure = definitions.model_of(taken.name), definitions.measure(taken.name)
        if model and measure:
            yield Source(_table(model.relation), measure.time_dimension)


def _moved(item: MetricInput, start: str, last: str) -> tuple[str, str]:
    if item.offset_to_grain in GRAINS:
        first = f"date_trunc('{item.offset_to_grain}', {start})"
        return first, first
    if item.offset_window and item.offset_window.grain in GRAINS:
        return f"({start} - {_interval(item.offset_window)})", f"({last} - {_interval(item.offset_window)})"
    return start, last


def _begin(metric: Metric, start: str, last: str) -> str:
    """Write the first day that a value counts; '' when it counts all days that there are."""
    if metric.type != "cumulative":
        return start
    last = last if metric.period_agg in ("", "last") else start
    if metric.grain_to_date in GRAINS:
        return f"date_trunc('{metric.grain_to_date}', {last})"
    if metric.window and metric.window.grain in GRAINS:
        return f"({last} - {_interval(metric.window)} + INTERVAL 1 DAY)"
    return ""


def _sources(definitions: Definitions) -> dict[Source, tuple[str, str]]:
    """Give the SQL of every date column that measures are put into periods by, and the relation it is of."""
    found = {}
    for model in definitions.models.values():
        for measure in model.measures:
            dimension = model.dimension(measure.time_dimension)
            if dimension:
                source = Source(_table(model.relation), measure.time_dimension)
                found[source] = (dimension.expr or dimension.name, model.relation)
    return found


def _interval(window: Window) -> str:
    return f"INTERVAL {window.count} {window.grain.upper()}"


def _table(relation: str) -> str:
    return relation.rpartition(".")[2].strip('"`')


def _text(value: str) -> str:
    return value.replace("'", "''")
