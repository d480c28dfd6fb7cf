"""Figures that are held: what a question reads of what failed checks spoil, and its last good answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from plumbline.indicators.reads import columns_read
from plumbline.publication.sql import tables_of
from plumbline.serving.waivers import standing_waivers
from plumbline.warehouse.contents import MartContent

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.serving.periods import Period
    from plumbline.serving.reader import Source

_DOUBTS = "SELECT mart, column_name, verdict, reason, held_since, last_good FROM warehouse.published.doubt"
# A candidate that was wrong by itself spoils no mart, but its metric.
_METRICS = """
SELECT metric, '', verdict, reason, held_since, last_good FROM warehouse.published.hold
WHERE table_name LIKE 'candidates.%' AND metric IN (SELECT unnest(?))
ORDER BY held_since, dimensions"""


# A new value of a past figure is in the marts before somebody has approved it.
_RESTATED = """
SELECT metric, '', 'held', min(reason), min(waits_since), min(last_good) FROM warehouse.published.restatement
WHERE state = 'awaits approval' AND metric IN (SELECT unnest(?)) AND period_end >= ? AND period_start <= ?
GROUP BY metric"""


@dataclass(frozen=True)
class Doubt:
    """Why a figure is held, since when, and which publication has its last good value ('' for none)."""

    verdict: str
    reason: str
    since: datetime
    last_good: str


def doubt_on(source: Source, metrics: Sequence[str], sql: str, period: Period | None = None) -> Doubt | None:
    """Give the doubt that goes back furthest of those on what a statement reads; None where there is none.

    One about a figure that has never been good goes before all others.
    """
    if source.publication is None or source.publication.verdict != "partly_held":
        return None
    connection = source.connection
    found = [*_spoiled_marts(connection, sql), *_spoiled_metrics(connection, metrics)]
    waivers = standing_waivers(source.connection, metrics) if found else []
    waived = tuple(f"{each.check}: " for each in waivers if each.metrics.issuperset(metrics))
    found = [doubt for doubt in found if not doubt.reason.startswith(waived or ("\0",))]
    found += _restated(connection, metrics, period)
    return min(found, key=lambda doubt: (bool(doubt.last_good), doubt.since), default=None)


def _restated(connection: DuckDBPyConnection, metrics: Sequence[str], period: Period | None) -> list[Doubt]:
    """Give the doubts on metrics of which past figures within `period` wait for an approval."""
    first = (period and period.start) or date.min
    last = (period and period.end) or date.max
    rows = _rows(connection, _RESTATED, [list(metrics), first, last])
    return [Doubt(verdict, why, since, good or "") for _, _, verdict, why, since, good in rows]


def _spoiled_marts(connection: DuckDBPyConnection, sql: str) -> list[Doubt]:
    doubted = _rows(connection, _DOUBTS)
    if not doubted:
        return []
    marts = {
        name: MartContent(name, columns, {})
        for name, columns in tables_of(connection, "warehouse", "marts").items()
    }
    read = columns_read(sql, marts)
    return [
        Doubt(verdict, reason, since, last_good or "")
        for mart, column, verdict, reason, since, last_good in doubted
        if _reads(read, mart.removeprefix("marts."), column)
    ]


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
