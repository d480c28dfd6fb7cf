"""Questions that a published table answers exactly: it is read instead of the marts.

A table covers a question that is split in the same way and asks for metrics that it has, over whole periods.
Conditions may name what it is split by. The figures are the same to the digit, since the table was written by
the same SQL. The rows are the same, too: a table ends with the as-of date and has rows of all its metrics, so
it is not read where a row could be one that has none of those asked for, or lies without the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from plumbline.compiler.templates import placeholder, read_template
from plumbline.definitions import METRIC_TIME, Definitions, GroupBy, Metric, SavedQuery
from plumbline.publication.sql import identifier
from plumbline.serving.adding_up import Finer, added_up, finer_tables
from plumbline.serving.compare import STEPS
from plumbline.serving.edition import Edition
from plumbline.serving.periods import Period

if TYPE_CHECKING:
    from plumbline.serving.reader import Source
    from plumbline.serving.resolve import Resolved


@dataclass(frozen=True)
class Covering:
    """A table that answers a question for some metrics: a published one, or (without a name) sums by day."""

    table: str
    metrics: tuple[str, ...]
    finer: Finer | None = None

    @property
    def adds_up(self) -> bool:
        """Whether rows of the table are added up."""
        return self.finer is not None

    def sql(self, resolved: Resolved) -> str:
        """Write the SQL that reads what a question asks for, which differs in its range only."""
        if self.finer is None:
            return _sql(self.table, resolved, self.metrics)
        return added_up(self.finer, resolved, _limited(resolved, self.finer.time))


def covering(edition: Edition, source: Source, resolved: Resolved, metrics: list[str]) -> Covering | None:
    """Give the smallest published table that answers a question exactly; None where marts must be read."""
    if source.publication is None or resolved.comparison:
        return None
    return _same_split(edition, source, resolved, metrics) or _finer(edition, source, resolved, metrics)


def _same_split(edition: Edition, source: Source, resolved: Resolved, metrics: list[str]) -> Covering | None:
    """Give a table that is split like the question."""
    if not is_whole(resolved):
        return None
    definitions = edition.definitions
    found = [query for query in _alike(definitions, resolved) if _has(definitions, query, resolved, metrics)]
    found = [query for query in found if _is_there(edition, query, metrics)]
    if not found or not _is_within(edition, source, resolved, metrics):
        return None
    for query in sorted(found, key=lambda query: len(query.metrics)):
        if _same_rows(edition, source, query, metrics):
            return Covering(query.name, tuple(metrics))
    return None


def _finer(edition: Edition, source: Source, resolved: Resolved, metrics: list[str]) -> Covering | None:
    """Give a table of which rows can be added up."""
    assert source.publication is not None
    if source.publication.verdict == "partly_held":
        return None
    found = [
        (query, finer)
        for query, finer in finer_tables(edition, resolved, metrics)
        if _whole(resolved.period, finer.time.grain) and _keyed(query, resolved)
    ]
    if not found or not _is_within(edition, source, resolved, found[0][1].parts):
        return None
    for query, finer in found:
        if _same_rows(edition, source, query, finer.parts):
            return Covering(query.name, tuple(metrics), finer)
    return None


def _keyed(query: SavedQuery, resolved: Resolved) -> bool:
    """Tell whether conditions compare only what a table is split by."""
    keys = {item for item in query.group_by if item.name != METRIC_TIME}
    return all(_within(text, keys) for text in (*resolved.where, *resolved.limits))


def reaches(edition: Edition, source: Source, resolved: Resolved, covered: Covering) -> bool:
    """Tell whether a range is one of whole periods of the table, and ends where tables do."""
    time = covered.finer.time if covered.finer else resolved.time
    metrics = covered.finer.parts if covered.finer else covered.metrics
    whole = time is not None and _whole(resolved.period, time.grain)
    return whole and _is_within(edition, source, resolved, metrics)


def is_whole(resolved: Resolved) -> bool:
    """Tell whether a question is split by periods, and its range cuts none."""
    return resolved.time is not None and _whole(resolved.period, resolved.time.grain)


def _alike(definitions: Definitions, resolved: Resolved) -> Iterator[SavedQuery]:
    """Give the saved queries that are split like the question, and leave nothing out."""
    asked = set(resolved.group_by)
    for query in definitions.saved_queries.values():
        if not query.where and query.limit is None and set(query.group_by) == asked:
            yield query


def _has(definitions: Definitions, query: SavedQuery, resolved: Resolved, metrics: list[str]) -> bool:
    if not set(metrics).issubset(query.metrics):
        return False
    conditions = [*resolved.where, *resolved.limits]
    if conditions and any(_depends_on_all(definitions, name) for name in metrics):
        return False
    return _keyed(query, resolved)


def _is_there(edition: Edition, query: SavedQuery, metrics: list[str]) -> bool:
    """Tell whether the table was published with these columns, as one of another make may not be."""
    return edition.columns_of(query.name).keys() >= {
        *(item.published for item in query.group_by),
        *metrics,
    }


def _same_rows(edition: Edition, source: Source, query: SavedQuery, metrics: Sequence[str]) -> bool:
    """Tell whether no row of the table is one of other metrics only."""
    names = tuple(sorted(metrics))
    nothing = " AND ".join(f"{identifier(name)} IS NULL" for name in names)
    table = identifier("warehouse", "published", query.name)
    return edition.once(source, (query.name, *names), f"SELECT NOT EXISTS (FROM {table} WHERE {nothing})")


def _is_within(edition: Edition, source: Source, resolved: Resolved, metrics: Sequence[str]) -> bool:
    """Tell whether all rows of the answer lie before the as-of date, where the table ends."""
    as_of, period = source.as_of, resolved.period
    if as_of is None:
        return False
    if period and period.end:
        return period.end <= as_of
    return all(_ends_in_time(edition, source, name) for name in metrics)


def _ends_in_time(edition: Edition, source: Source, name: str) -> bool:
    if name not in edition.ends:
        edition.ends[name] = _ends(edition, source, edition.definitions.metrics[name])
    return edition.ends[name]


def _ends(edition: Edition, source: Source, metric: Metric) -> bool:
    """Tell whether a metric has no row without a time, or after the as-of date."""
    if metric.type not in ("simple", "ratio", "derived") or not all(item.plain for item in metric.inputs):
        return False
    if any(taken.join_to_timespine for taken in metric.measures):
        return False
    own = all(_measured_before(edition, source, taken.name) for taken in metric.measures)
    return own and all(_ends_in_time(edition, source, item.name) for item in metric.inputs)


def _measured_before(edition: Edition, source: Source, measure: str) -> bool:
    definitions = edition.definitions
    model, found = definitions.model_of(measure), definitions.measure(measure)
    time = model.dimension(found.time_dimension) if model and found else None
    if model is None or time is None:
        return False
    late = (
        f"SELECT 1 FROM {model.relation} WHERE ({time.expr}) IS NULL OR ({time.expr}) > DATE '{source.as_of}'"
    )
    return edition.once(source, (model.name, time.name), f"SELECT NOT EXISTS ({late})")


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


def bounds(resolved: Resolved) -> tuple[date | None, date | None]:
    """Give the first day of a range of whole periods, and the day after its last; None without a bound."""
    period = resolved.period or Period()
    return period.start, period.end + timedelta(days=1) if period.end else None


def _sql(table: str, resolved: Resolved, metrics: Sequence[str]) -> str:
    columns = ", ".join(
        [
            *(f"{identifier(item.published)} AS {identifier(item.column)}" for item in resolved.group_by),
            *(identifier(name) for name in metrics),
        ]
    )
    assert resolved.time is not None
    conditions = _limited(resolved, resolved.time)
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns}\nFROM {identifier('warehouse', 'published', table)}{where}"


def _conditions(resolved: Resolved) -> Iterator[str]:
    for text in resolved.conditions:
        read = read_template(text)
        sql = read.sql
        for number, reference in enumerate(read.references):
            sql = sql.replace(placeholder(number), identifier(reference.item.published))
        yield f"({sql})"


def _limited(resolved: Resolved, time: GroupBy) -> list[str]:
    """Write the conditions on the rows of a table that has this time."""
    return [*_conditions(resolved), *_days(resolved, time)]


def _days(resolved: Resolved, time: GroupBy) -> Iterator[str]:
    first, end = bounds(resolved)
    column = identifier(time.published)
    if first:
        yield f"{column} >= DATE '{first}'"
    if end:
        yield f"{column} < DATE '{end}'"
