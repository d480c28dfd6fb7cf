"""Figures that are certified with warnings: which checks failed on what a question asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from plumbline.definitions import METRIC_TIME
from plumbline.indicators.sight import meet

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.serving.resolve import Resolved

_WARNED = """
SELECT metric, grain, dimensions, reason, coalesce(min(period_start), DATE '0001-01-01'),
    coalesce(max(period_end), DATE '9999-12-31')
FROM warehouse.published.indicator_value
WHERE verdict = 'certified_with_warnings'
GROUP BY metric, grain, dimensions, reason
ORDER BY ALL"""


@dataclass(frozen=True)
class Warned:
    """Figures of one metric, grain and breakdown on which a warning failed, and their days."""

    metric: str
    grain: str
    dimensions: str
    reason: str
    first: date
    last: date


def all_warned(connection: DuckDBPyConnection) -> list[Warned]:
    """Give what the published figures say of warnings; none where the generation is of an older make."""
    import duckdb

    with suppress(duckdb.CatalogException, duckdb.BinderException):
        return [Warned(*row) for row in connection.execute(_WARNED).fetchall()]
    return []


def warnings_on(warned: Sequence[Warned], resolved: Resolved) -> list[str]:
    """Give the reasons why what is asked for is certified with warnings, each once.

    What is split in a way that no published table has is told of as its total is.
    """
    by = ",".join(item.column for item in resolved.group_by if item.name != METRIC_TIME)
    there = [each for each in warned if each.metric in resolved.metrics and each.dimensions in ("", by)]
    return list(
        dict.fromkeys(each.reason for each in _of_grain(there, resolved) if _is_asked(each, resolved))
    )


def _of_grain(warned: Sequence[Warned], resolved: Resolved) -> Iterator[Warned]:
    """Give those of the grain that is asked for; those of all grains of a metric that has none of it."""
    grain = resolved.time.grain if resolved.time else ""
    known = {each.metric for each in warned if each.grain == grain}
    return (each for each in warned if each.grain == grain or each.metric not in known)


def _is_asked(warned: Warned, resolved: Resolved) -> bool:
    period = resolved.period
    if period is None:
        return True
    asked = (period.start or date.min, period.end or date.max)
    return bool(meet(((warned.first, warned.last),), (asked,)))
