"""Questions that no published table answers, but sums by day in memory do.

Whoever looks at a dashboard asks for the same metrics by the same dimensions, of one range after the other.
What such questions share is added up from the marts once, by day and by whatever they split and choose by;
each of them adds up days. The figures are the same to the digit: only sums of whole numbers and decimals
are added up, and ratios of such sums, as of published tables (`adding_up`); the marts stand for the figures
in all that vouches for them. Nothing of a generation in which a figure is held is answered so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plumbline.compiler.templates import read_template
from plumbline.definitions import METRIC_TIME, Definitions, GroupBy
from plumbline.publication.sql import identifier
from plumbline.serving.adding_up import Finer, figures_of, grains_within, is_exact, parts_of
from plumbline.serving.covering import Covering
from plumbline.serving.kept_sums import KeptSums, Made

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.serving.resolve import Resolved

DAY = GroupBy(METRIC_TIME, "day")
MOST_ROWS = 200_000
Compiled = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Sums:
    """A kind of question: the sums that its metrics are made of, and what it splits and chooses by."""

    parts: tuple[str, ...]
    keys: tuple[GroupBy, ...]

    @property
    def group_by(self) -> tuple[GroupBy, ...]:
        """What the sums are split by."""
        return (DAY, *self.keys)


def sums_of(definitions: Definitions, resolved: Resolved, metrics: list[str]) -> Sums | None:
    """Give the sums by day that answer a question exactly; None where none do."""
    parts = parts_of(definitions, metrics)
    times = [item for item in resolved.group_by if item.name == METRIC_TIME]
    if parts is None or len(times) > 1:
        return None
    if times and DAY.grain not in grains_within(times[0]):
        return None
    compared = [read_template(text).references for text in resolved.conditions]
    if not all(compared) or any(each.metric for found in compared for each in found):
        return None
    asked = {*resolved.group_by, *(each.item for found in compared for each in found)} - set(times)
    keys = tuple(sorted(asked, key=lambda item: item.column))
    names = [name.lower() for name in (*(item.published for item in (DAY, *keys)), *parts)]
    if any(item.name == METRIC_TIME for item in keys) or len(set(names)) < len(names):
        return None
    return Sums(tuple(sorted(parts)), keys)


def covering_sums(
    kept: KeptSums,
    connection: DuckDBPyConnection,
    sums: Sums,
    definitions: Definitions,
    metrics: list[str],
    compiled: Compiled,
) -> Covering | None:
    """Give the table of sums for a question that is asked; None where the marts are to be read."""
    import duckdb

    def drop(made: Made) -> None:
        with suppress(duckdb.Error):
            connection.execute(f"DROP TABLE IF EXISTS {made.relation}")

    found = kept.asked(sums, lambda number: _made(connection, sums, compiled, number), drop)
    if found is None:
        return None
    figures = figures_of(definitions, found.kinds, metrics)
    return Covering("", tuple(metrics), Finer(found.relation, sums.group_by, DAY, sums.parts, figures))


def _made(connection: DuckDBPyConnection, sums: Sums, compiled: Compiled, number: int) -> Made | None:
    """Add up by day; None where that is too much to gain anything, not exact, or fails.

    It may fail on rows that the question is not about.
    """
    import duckdb

    keys = [{"name": item.column, "alias": item.column} for item in sums.group_by]
    sql = compiled({"metrics": list(sums.parts), "group_by": keys, "where": [], "range": [None, None]})
    relation = identifier("memory", "main", f"daily_sums_{number}")
    columns = [f"CAST({identifier(DAY.column)} AS DATE) AS {identifier(DAY.published)}"]
    columns += [f"{identifier(item.column)} AS {identifier(item.published)}" for item in sums.keys]
    columns += map(identifier, sums.parts)
    try:
        connection.execute(
            f"CREATE TABLE {relation} AS\n"
            f"SELECT {', '.join(columns)}\nFROM (\n{sql}\n) AS summed\nORDER BY 1 LIMIT {MOST_ROWS + 1}"
        )
        found = connection.sql(f"FROM {relation}")
        kinds = dict(zip(found.columns, map(str, found.types), strict=True))
        ((rows,),) = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()
        if rows <= MOST_ROWS and all(is_exact(kinds[part]) for part in sums.parts):
            return Made(relation, rows, kinds)
        connection.execute(f"DROP TABLE {relation}")
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return None
    return None
