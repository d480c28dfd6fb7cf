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

_SPLITS = "SELECT DISTINCT metric, dimensions FROM warehouse.published.indicator_value"


@dataclass(frozen=True)
class Warned:
    """Figures of one metric, grain and breakdown on which a warning failed, and their days."""

    metric: str
    grain: str
    dimensions: str
    reason: str
    first: date
    last: date


@dataclass(frozen=True)
class Warnings:
    """All figures that are certified with warnings, and how each metric is split where it is published."""

    figures: tuple[Warned, ...] = ()
    splits: frozenset[tuple[str, str]] = frozenset()


def all_warnings(connection: DuckDBPyConnection) -> Warnings:
    """Give what the published figures say of warnings; none where the generation is of an older make."""
    import duckdb

    with suppress(duckdb.CatalogException, duckdb.BinderException):
        figures = tuple(Warned(*row) for row in connection.execute(_WARNED).fetchall())
        return Warnings(
            figures, frozenset(connection.execute(_SPLITS).fetchall()) if figures else frozenset()
        )
    return Warnings()


def warnings_on(warnings: Warnings, resolved: Resolved) -> list[str]:
    """Give the reasons why what is asked for is certified with warnings, each once.

    What is split in a way that no published table has is told of as its total is, and as its splits are by
    whatever is reached in the same way (`campaign__name`, beside `campaign__channel`).
    """
    asked = [item.column for item in resolved.group_by if item.name != METRIC_TIME]
    ways, by = _ways(asked), ",".join(asked)
    there = [
        each
        for each in warnings.figures
        if each.metric in resolved.metrics
        and (
            each.dimensions in ("", by)
            or ((each.metric, by) not in warnings.splits and ways & _ways(each.dimensions.split(",")))
        )
    ]
    return list(
        dict.fromkeys(each.reason for each in _of_grain(there, resolved) if _is_asked(each, resolved))
    )


def _ways(columns: Sequence[str]) -> set[str]:
    """Give the entities on the way to dimensions: a wrong key of theirs spoils all that is behind it."""
    return {column.rpartition("__")[0] or column for column in columns}


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
