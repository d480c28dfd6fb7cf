"""Which metrics can be calculated with what has landed, and why the others cannot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plumbline.definitions import Definitions

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Availability:
    """The reason for each metric that is not available."""

    reasons: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, metric: str) -> bool:
        return metric not in self.reasons

    def reason(self, metric: str) -> str:
        """Say why a metric is not available, or ''."""
        return self.reasons.get(metric, "")


def landed_tables(con: DuckDBPyConnection) -> set[str]:
    """Name the tables with a current load: `erp.sales_order_header`."""
    rows = con.execute(
        "SELECT DISTINCT system || '.' || table_name FROM landing_run.loads WHERE is_current"
    ).fetchall()
    return {str(row[0]) for row in rows}


def judge(definitions: Definitions, landed: Collection[str]) -> Availability:
    """Find the metrics of which a source has not landed; a metric needs the sources of its inputs too."""
    reasons = {}
    for name in definitions.metrics:
        missing = [
            source for source in needed_sources(definitions, name) if not _any_of(source) & set(landed)
        ]
        if missing:
            tables = ", ".join(" or ".join(sorted(_any_of(source))) for source in missing)
            reasons[name] = f"no extract of {tables}"
    return Availability(reasons)


def needed_sources(definitions: Definitions, metric: str) -> tuple[str, ...]:
    """List the sources of a metric and of its inputs, in order, once; `a|b` means either."""
    found: dict[str, None] = {}
    pending = [metric]
    seen: set[str] = set()
    while pending:
        name = pending.pop(0)
        if name not in seen and name in definitions.metrics:
            seen.add(name)
            found |= dict.fromkeys(definitions.metrics[name].governance.sources)
            pending += [item.name for item in definitions.metrics[name].inputs]
    return tuple(found)


def _any_of(source: str) -> set[str]:
    return {part.strip() for part in source.split("|")}
