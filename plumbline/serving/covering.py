"""Questions that a published table answers exactly: it is read instead of the marts.

A table covers a question that is split in the same way and asks for metrics that it has, over whole periods.
Conditions may name what it is split by. The figures are the same to the digit, since the table was written by
the same SQL; what is asked beyond that is calculated from the marts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from plumbline.compiler.templates import placeholder, read_template
from plumbline.definitions import METRIC_TIME, Definitions, GroupBy, SavedQuery
from plumbline.publication.sql import identifier
from plumbline.serving.compare import STEPS
from plumbline.serving.periods import Period, first_day

if TYPE_CHECKING:
    from plumbline.serving.resolve import Resolved


@dataclass(frozen=True)
class Covering:
    """A published table that answers, and the SQL that reads it."""

    table: str
    sql: str


def covering(definitions: Definitions, resolved: Resolved, metrics: list[str]) -> Covering | None:
    """Give the smallest published table that answers a question exactly; None where marts must be read."""
    if resolved.time is None or resolved.comparison or not _whole(resolved.period, resolved.time.grain):
        return None
    found = (
        query
        for query in definitions.saved_queries.values()
        if _covers(definitions, query, resolved, metrics)
    )
    query = min(found, key=lambda query: len(query.metrics), default=None)
    return Covering(query.name, _sql(query, resolved, metrics)) if query else None


def _covers(definitions: Definitions, query: SavedQuery, resolved: Resolved, metrics: list[str]) -> bool:
    if query.where or query.limit is not None or not set(metrics).issubset(query.metrics):
        return False
    if set(query.group_by) != set(resolved.group_by):
        return False
    conditions = [*resolved.where, *resolved.limits]
    if not conditions:
        return True
    if any(_depends_on_all(definitions, name) for name in metrics):
        return False
    keys = {item for item in query.group_by if item.name != METRIC_TIME}
    return all(_within(text, keys) for text in conditions)


def _within(condition: str, keys: set[GroupBy]) -> bool:
    """Tell whether a condition compares only what the table is split by."""
    read = read_template(condition)
    return bool(read.references) and all(
        not reference.metric and reference.item in keys for reference in read.references
    )


def _depends_on_all(definitions: Definitions, metric: str) -> bool:
    """Tell whether the rows of other members matter: which snapshot is the last of a period, does."""
    found = definitions.metrics[metric]
    measures = (definitions.measure(taken.name) for taken in found.measures)
    if any(measure and measure.non_additive for measure in measures):
        return True
    return any(_depends_on_all(definitions, item.name) for item in found.inputs)


def _whole(period: Period | None, grain: str) -> bool:
    return grain in STEPS and (period is None or not period.cuts(grain))


def _sql(query: SavedQuery, resolved: Resolved, metrics: list[str]) -> str:
    columns = ", ".join(
        [
            *(f"{identifier(item.published)} AS {identifier(item.column)}" for item in resolved.group_by),
            *(identifier(name) for name in metrics),
        ]
    )
    conditions = [*_conditions(resolved), *_days(resolved)]
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns}\nFROM {identifier('warehouse', 'published', query.name)}{where}"


def _conditions(resolved: Resolved) -> Iterator[str]:
    for text in (*resolved.where, *resolved.limits):
        read = read_template(text)
        sql = read.sql
        for number, reference in enumerate(read.references):
            sql = sql.replace(placeholder(number), identifier(reference.item.published))
        yield f"({sql})"


def _days(resolved: Resolved) -> Iterator[str]:
    assert resolved.time is not None
    period, time = resolved.period or Period(), resolved.time
    column = identifier(time.published)
    if period.start:
        yield f"{column} >= DATE '{first_day(period.start, time.grain)}'"
    if period.end:
        yield f"{column} < DATE '{period.end + timedelta(days=1)}'"
