"""The common tables of one statement: what MetricFlow aggregates, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from plumbline.compiler.expressions import column, truncated
from plumbline.compiler.request import Request
from plumbline.definitions import METRIC_TIME, Definitions, GroupBy

Aggregate = Callable[[tuple[str, ...], tuple[GroupBy, ...]], exp.Query]

DAY = f"{METRIC_TIME}__day"
PERIOD, LAST_DAY = "period", "last_day"


class Tables:
    """Adds common tables in the order in which they need each other; gives their names."""

    def __init__(self, definitions: Definitions, request: Request, aggregate: Aggregate) -> None:
        self.definitions = definitions
        self.request = request
        self.keys = [item.column for item in request.group_by]
        self.queries: dict[str, exp.Query] = {}
        self._aggregate = aggregate

    def add(self, name: str, query: exp.Query) -> str:
        """Add a table under a name of its own."""
        unique = f"{name}_{len(self.queries)}"
        self.queries[unique] = query
        return unique

    def aggregated(self, metrics: tuple[str, ...]) -> str:
        """Ask MetricFlow for metrics by the keys of the result."""
        self.queries["aggregated"] = self._aggregate(metrics, self.request.group_by)
        return "aggregated"

    def daily(self, metric: str, entity: str = "", *, by_dimensions: bool = True) -> str:
        """Ask MetricFlow for a metric by day (and by an entity), once per metric."""
        name = f"daily_{metric}" + (f"_by_{entity}" if entity else "") + ("" if by_dimensions else "_alone")
        if name not in self.queries:
            by = (GroupBy(METRIC_TIME, "day"), *(self.request.dimensions if by_dimensions else ()))
            if entity and entity not in {item.name for item in by}:
                by = (*by, GroupBy(entity))
            self.queries[name] = self._aggregate((metric,), by)
        return name

    def periods(self) -> str:
        """One row per period of the time spine, with its last day."""
        if "periods" not in self.queries:
            assert self.request.time is not None
            day = exp.column(self.definitions.time_spine_column)
            period = truncated(day, self.request.time.grain)
            self.queries["periods"] = (
                exp.select(exp.alias_(period, PERIOD), exp.alias_(exp.Max(this=day.copy()), LAST_DAY))
                .from_(exp.to_table(self.definitions.time_spine, dialect="duckdb"))
                .group_by(period.copy())
            )
        return "periods"

    def keys_by_day(self, daily: str) -> list[exp.Expr]:
        """Give the keys of the result from a table by day."""
        return [
            truncated(column(DAY, daily), item.grain)
            if item == self.request.time
            else column(item.column, daily)
            for item in self.request.group_by
        ]
