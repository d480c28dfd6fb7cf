"""Which metrics can be calculated with what has landed, and why the others cannot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
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


def lacking_columns(con: DuckDBPyConnection) -> set[str]:
    """Name the declared columns that no current load of their table has: `erp.product.Color`."""
    rows = con.execute("""
        SELECT system || '.' || table_name || '.' || column_name
        FROM landing_run.missing_columns INNER JOIN landing_run.loads USING (load, system, table_name)
        WHERE is_current GROUP BY system, table_name, column_name
        HAVING count(*) = (
            SELECT count(*) FROM landing_run.loads AS other WHERE other.is_current
                AND other.system = missing_columns.system AND other.table_name = missing_columns.table_name)
        """).fetchall()
    return {str(row[0]) for row in rows}


def judge(definitions: Definitions, landed: Collection[str], missing: Collection[str] = ()) -> Availability:
    """Find the metrics that lack a source; a metric needs the sources of its inputs too.

    `landed` are tables with an extract, `missing` the columns that those extracts do not have.
    """
    reasons = {}
    for name in definitions.metrics:
        lacking = [
            source
            for source in needed_sources(definitions, name)
            if not any(table_of(part) in landed and part not in missing for part in any_of(source))
        ]
        if lacking:
            reasons[name] = "; ".join(_reasons(lacking, landed))
    return Availability(reasons)


def _reasons(lacking: Iterable[str], landed: Collection[str]) -> Iterator[str]:
    """Say which extracts are missing, then which columns the others do not have."""
    tables: dict[str, None] = {}
    columns: dict[str, None] = {}
    for source in lacking:
        parts = any_of(source)
        there = [part for part in parts if table_of(part) in landed]
        if there:
            columns[" and ".join(map(_no_column, there))] = None
        else:
            tables[" or ".join(dict.fromkeys(map(table_of, parts)))] = None
    if tables:
        yield f"no extract of {', '.join(tables)}"
    yield from columns


def _no_column(part: str) -> str:
    table = table_of(part)
    return f"{table} has no column {part.removeprefix(table + '.')}"


def needed_sources(definitions: Definitions, metric: str) -> tuple[str, ...]:
    """List the sources of a metric and of its inputs, in order, once; `a|b` means either.

    A source is a table, `erp.sales_order_detail`, or a column of one, `erp.product.Color`.
    """
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


def any_of(source: str) -> list[str]:
    """Split `a|b` into the sources of which one is enough."""
    return sorted({part.strip() for part in source.split("|")})


def table_of(source: str) -> str:
    """Name the table of a source that may be one of its columns."""
    return ".".join(source.split(".")[:2])
