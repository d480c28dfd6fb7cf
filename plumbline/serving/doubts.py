"""Figures that are held: what a question reads of what failed checks spoil, and its last good answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from plumbline.definitions import METRIC_TIME, Definitions
from plumbline.indicators.reads import columns_read
from plumbline.indicators.sight import EVER, Days, Sight, meet, sights_of
from plumbline.publication.sql import tables_of
from plumbline.serving.waivers import standing_waivers
from plumbline.warehouse.contents import MartContent

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.serving.reader import Source
    from plumbline.serving.resolve import Resolved

_DOUBTS = "SELECT * FROM warehouse.published.doubt ORDER BY held_since, mart, column_name"
# A candidate that was wrong by itself spoils no mart, but its metric.
_METRICS = """
SELECT metric, '', verdict, reason, held_since, last_good FROM warehouse.published.hold
WHERE table_name LIKE 'candidates.%' AND metric IN (SELECT unnest(?))
ORDER BY held_since, dimensions"""


# A new value of a past figure is in the marts before somebody has approved it. Told is one that is asked for.
_RESTATED = """
SELECT metric, '', 'held', reason || CASE figures WHEN 1 THEN '' ELSE ' (and ' || figures - 1 || ' more)' END,
    since, good
FROM (
    SELECT metric, reason, count(*) OVER every AS figures, min(waits_since) OVER every AS since,
        min(last_good) OVER every AS good
    FROM warehouse.published.restatement
    WHERE state = 'awaits approval' AND metric IN (SELECT unnest(?)) AND period_end >= ? AND period_start <= ?
    WINDOW every AS (PARTITION BY metric)
    QUALIFY row_number() OVER (
        PARTITION BY metric ORDER BY grain <> ?, dimensions <> ?, period_start DESC, members) = 1
)
ORDER BY metric"""


@dataclass(frozen=True)
class Doubt:
    """Why a figure is held, since when, and which publication has its last good value ('' for none)."""

    verdict: str
    reason: str
    since: datetime
    last_good: str


@dataclass(frozen=True)
class _Spoiled:
    """A row of the table of doubts: a column of a mart, and on which days by one of its dates ('': any)."""

    mart: str
    column: str
    time: str
    days: Days
    doubt: Doubt

    @classmethod
    def of(cls, row: dict[str, Any]) -> _Spoiled:
        """Read a row; a generation of an older make knows no days."""
        days = (row.get("period_start") or date.min, row.get("period_end") or date.max)
        doubt = Doubt(row["verdict"], row["reason"], row["held_since"], row["last_good"] or "")
        mart, time = row["mart"].removeprefix("marts."), row.get("time_column") or ""
        return cls(mart, row["column_name"], time, (days,), doubt)


def doubt_on(source: Source, definitions: Definitions, resolved: Resolved, sql: str) -> Doubt | None:
    """Give the doubt that goes back furthest of those on what a statement reads; None where there is none.

    One about a figure that has never been good goes before all others. What is spoiled on days that no asked
    period can see counts for nothing.
    """
    connection, metrics = source.connection, resolved.metrics
    found = [*_spoiled_marts(connection, definitions, resolved, sql), *_spoiled_metrics(connection, metrics)]
    waivers = standing_waivers(source.connection, metrics) if found else []
    waived = tuple(f"{each.check}: " for each in waivers if each.metrics.issuperset(metrics))
    found = [doubt for doubt in found if not doubt.reason.startswith(waived or ("\0",))]
    found += _restated(connection, resolved)
    return min(found, key=lambda doubt: (bool(doubt.last_good), doubt.since), default=None)


def _restated(connection: DuckDBPyConnection, resolved: Resolved) -> list[Doubt]:
    """Give the doubts on metrics of which past figures within the period asked for wait for an approval."""
    period = resolved.period
    days = (period and period.start) or date.min, (period and period.end) or date.max
    grain = resolved.time.grain if resolved.time else ""
    by = ",".join(item.column for item in resolved.group_by if item.name != METRIC_TIME)
    rows = _rows(connection, _RESTATED, [[*resolved.metrics], *days, grain, by])
    return [Doubt(verdict, why, since, good or "") for _, _, verdict, why, since, good in rows]


def _spoiled_marts(
    connection: DuckDBPyConnection, definitions: Definitions, resolved: Resolved, sql: str
) -> Iterator[Doubt]:
    doubted = _doubted(connection)
    if not doubted:
        return
    marts = {
        name: MartContent(name, columns, {})
        for name, columns in tables_of(connection, "warehouse", "marts").items()
    }
    read = columns_read(sql, marts)
    by = [item.column for item in resolved.group_by if item.name != METRIC_TIME]
    sights = sights_of(definitions, resolved.metrics, by, resolved.where)
    checks: dict[tuple[str, str, str], list[_Spoiled]] = {}
    for each in doubted:
        if _reads(read, each.mart, each.column):
            checks.setdefault((each.mart, each.column, each.doubt.reason), []).append(each)
    for (mart, column, _), rows in checks.items():
        yield from _seen(rows, sights.of(mart, {column}), _asked(resolved))


def _seen(rows: list[_Spoiled], times: Mapping[str, Sequence[Sight]] | None, asked: Days) -> Iterator[Doubt]:
    """Give the doubts of one check on a column that the periods asked for can see."""
    if times is None or any(time not in {row.time for row in rows} for time in times):
        yield from (row.doubt for row in rows)
        return
    for row in rows:
        if any(meet(sight.seen(row.days), asked) for sight in times.get(row.time, ())):
            yield row.doubt


def _asked(resolved: Resolved) -> Days:
    """Give the days that a question is about, and those that it compares them with."""
    period = resolved.period
    if period is None:
        return EVER
    periods = [period, resolved.comparison.before(period) if resolved.comparison else period]
    return tuple((each.start or date.min, each.end or date.max) for each in periods if each)


def _doubted(connection: DuckDBPyConnection) -> list[_Spoiled]:
    import duckdb

    with suppress(duckdb.CatalogException):
        found = connection.execute(_DOUBTS)
        names = [column[0] for column in found.description]
        return [_Spoiled.of(dict(zip(names, row, strict=True))) for row in found.fetchall()]
    return []


def _reads(read: dict[str, frozenset[str]] | None, mart: str, column: str) -> bool:
    """Tell whether a column is read, or for '' any row; what cannot be told counts as read."""
    return read is None or (mart in read and (not column or column in read[mart]))


def _spoiled_metrics(connection: DuckDBPyConnection, metrics: Sequence[str]) -> list[Doubt]:
    rows = _rows(connection, _METRICS, [list(metrics)])
    return [Doubt(verdict, why, since, good or "") for _, _, verdict, why, since, good in rows]


def _rows(
    connection: DuckDBPyConnection, sql: str, given: list[Any] | None = None
) -> list[tuple[str, str, str, str, datetime, str | None]]:
    import duckdb

    with suppress(duckdb.CatalogException):
        return connection.execute(sql, given).fetchall()
    return []
