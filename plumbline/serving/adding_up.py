"""Questions that a finer published table answers by adding up: months make quarters, products a category.

Each row that a sum counts lies in one row of the table, whatever else that is split by, so the sums of its
rows are those of the marts, to the digit where they are whole numbers or decimals. A ratio is that of such
sums. Nothing else is added up: no distinct counts, no stocks, no medians, nothing to date, and nothing of a
generation in which a figure is held, since the finer table may be what holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from plumbline.compiler.templates import read_template
from plumbline.definitions import METRIC_TIME, Definitions, GroupBy, Metric, SavedQuery
from plumbline.publication.sql import identifier
from plumbline.serving.compare import STEPS
from plumbline.serving.edition import Edition

if TYPE_CHECKING:
    from plumbline.serving.resolve import Resolved

_SUMS = ("sum", "count", "sum_boolean")
_MADE_OF = {
    "day": ("day",),
    "week": ("week", "day"),
    "month": ("month", "day"),
    "quarter": ("quarter", "month", "day"),
    "year": ("year", "quarter", "month", "day"),
}
_EXACT = ("DECIMAL", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")


@dataclass(frozen=True)
class Finer:
    """A table that is finer than a question, and how the figures asked for come from its columns.

    `relation` is its name in SQL, `group_by` what it is split by, `time` the period among that.
    """

    relation: str
    group_by: tuple[GroupBy, ...]
    time: GroupBy
    parts: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]


def finer_tables(edition: Edition, resolved: Resolved, metrics: list[str]) -> list[tuple[SavedQuery, Finer]]:
    """Give the tables of which a question adds up rows, as far as its range allows; the smallest first."""
    parts = parts_of(edition.definitions, metrics)
    asked = [item for item in resolved.group_by if item.name != METRIC_TIME]
    times = [item for item in resolved.group_by if item.name == METRIC_TIME]
    if parts is None or len(times) > 1:
        return []
    grains = grains_within(times[0]) if times else tuple(STEPS)
    found = [
        (query, Finer(_relation(query), query.group_by, time, parts, _figures(edition, query, metrics)))
        for query in edition.definitions.saved_queries.values()
        if (time := _time_of(query)) and time.grain in grains
        if set(asked).issubset(query.group_by) and _has_exactly(edition, query, parts)
    ]
    return sorted(found, key=lambda pair: _size(*pair))


def grains_within(time: GroupBy) -> tuple[str, ...]:
    """Name the periods that make up those of a time, the longest first."""
    return _MADE_OF.get(time.grain, ())


def is_exact(kind: str) -> bool:
    """Tell whether the order of adding does not matter for a type of DuckDB."""
    return kind.startswith(_EXACT)


def parts_of(definitions: Definitions, metrics: list[str]) -> tuple[str, ...] | None:
    """Name the sums that metrics are made of; None where one is anything but a sum, or a ratio of two."""
    parts: list[str] = []
    for name in metrics:
        metric = definitions.metrics[name]
        sums = [item.name for item in metric.inputs] if _is_plain_ratio(metric) else [name]
        if not all(_is_sum(definitions, definitions.metrics.get(each)) for each in sums):
            return None
        parts += sums
    return tuple(dict.fromkeys(parts))


def _is_plain_ratio(metric: Metric) -> bool:
    return metric.type == "ratio" and not metric.filters and all(item.plain for item in metric.inputs)


def _is_sum(definitions: Definitions, metric: Metric | None) -> bool:
    """Tell whether each row counts by itself, in the period that it lies in, whatever else is asked for."""
    if metric is None or metric.type != "simple" or len(metric.measures) != 1:
        return False
    (taken,) = metric.measures
    measure = definitions.measure(taken.name)
    if measure is None or measure.agg not in _SUMS or measure.non_additive:
        return False
    if taken.join_to_timespine or taken.fill_nulls_with is not None:
        return False
    filters = (read_template(text) for text in (*metric.filters, *taken.filters))
    return not any(reference.metric for read in filters for reference in read.references)


def _time_of(query: SavedQuery) -> GroupBy | None:
    """Give the one period that a table without conditions is split by."""
    times = [item for item in query.group_by if item.name == METRIC_TIME]
    if query.where or query.limit is not None or len(times) != 1:
        return None
    return times[0] if times[0].grain in STEPS else None


def _has_exactly(edition: Edition, query: SavedQuery, parts: tuple[str, ...]) -> bool:
    """Tell whether a table has these sums, of types for which the order of adding does not matter."""
    if not set(parts).issubset(query.metrics):
        return False
    kinds = edition.columns_of(query.name)
    keys = all(item.published in kinds for item in query.group_by)
    return keys and all(is_exact(kinds.get(part, "")) for part in parts)


def _figures(edition: Edition, query: SavedQuery, metrics: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return figures_of(edition.definitions, edition.columns_of(query.name), metrics)


def figures_of(
    definitions: Definitions, kinds: Mapping[str, str], metrics: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Write the figure of each metric over the rows of a table whose columns have these types."""
    return tuple((name, _figure(definitions.metrics[name], kinds)) for name in metrics)


def _figure(metric: Metric, kinds: Mapping[str, str]) -> str:
    """Write a figure over the rows of a table."""
    if metric.type != "ratio":
        return _total(metric.name, kinds.get(metric.name, ""))
    above, below = (item.name for item in metric.inputs)
    return _share(_total(above, kinds.get(above, "")), _total(below, kinds.get(below, "")))


def _total(name: str, kind: str) -> str:
    return f"CAST(sum({identifier(name)}) AS {kind})"


@lru_cache(1_024)
def _share(above: str, below: str) -> str:
    """Divide as the compiler does."""
    from plumbline.compiler.expressions import divided, parsed

    return divided(parsed(above, "duckdb"), parsed(below, "duckdb")).sql(dialect="duckdb")


def _size(query: SavedQuery, finer: Finer) -> tuple[int, int, int]:
    return len(query.group_by), -list(STEPS).index(finer.time.grain), len(query.metrics)


def _relation(query: SavedQuery) -> str:
    return identifier("warehouse", "published", query.name)


def added_up(finer: Finer, resolved: Resolved, conditions: list[str]) -> str:
    """Write the SQL that adds up the rows of a table."""
    keys = list(_keys(finer, resolved))
    columns = [f"{sql} AS {identifier(name)}" for name, sql in (*keys, *finer.figures)]
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    by = f"\nGROUP BY {', '.join(sql for _, sql in keys)}" if keys else ""
    return f"SELECT {', '.join(columns)}\nFROM {finer.relation}{where}{by}"


def _keys(finer: Finer, resolved: Resolved) -> Iterator[tuple[str, str]]:
    for item in resolved.group_by:
        column = identifier(item.published)
        if item.name == METRIC_TIME and item.grain != finer.time.grain:
            column = f"CAST(date_trunc('{item.grain}', {identifier(finer.time.published)}) AS DATE)"
        yield item.column, column
