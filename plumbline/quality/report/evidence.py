"""What a run leaves in the warehouse beside the results: loads, control totals, reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Load:
    """One visible load of a source table."""

    load: int
    system: str
    table: str
    source: str
    mode: str
    sha256: str
    rows: int
    is_current: bool
    as_of: date
    landed_at: datetime


@dataclass(frozen=True)
class Reconciliation:
    """Where the landed rows of a source table went."""

    system: str
    table: str
    landed: int
    staged: int
    duplicates: int
    superseded: int
    quarantined: int

    @property
    def missing(self) -> int:
        """Count the rows that are nowhere, or somewhere twice."""
        return self.landed - self.staged - self.duplicates - self.superseded - self.quarantined


@dataclass(frozen=True)
class ControlTotal:
    """The total of an amount over the current loads of a source table."""

    system: str
    table: str
    column: str
    total: Decimal
    values: int
    unread: int


@dataclass(frozen=True)
class Rejection:
    """The rows of a source table that were set aside for one kind of reason, and the newest of them."""

    system: str
    table: str
    rows: int
    reason: str
    source: str
    row: int


@dataclass(frozen=True)
class RunEvidence:
    """What the report shows beside the results."""

    loads: tuple[Load, ...] = ()
    reconciliation: tuple[Reconciliation, ...] = ()
    control_totals: tuple[ControlTotal, ...] = ()
    rejections: tuple[Rejection, ...] = ()

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection) -> RunEvidence:
        """Read the evidence of the present run; what is not there yet is empty."""
        return cls(
            tuple(Load(*row) for row in _rows(con, "landing_run", "loads", _LOADS)),
            tuple(
                Reconciliation(*row) for row in _rows(con, "quarantine", "reconciliation", _RECONCILIATION)
            ),
            tuple(ControlTotal(*row) for row in _rows(con, "landing_run", "control_totals", _CONTROL_TOTALS)),
            tuple(Rejection(*row) for row in _rows(con, "quarantine", "rejected_rows", _REJECTIONS)),
        )


_LOADS = """
select load, system, table_name, source, mode, sha256, rows, is_current, as_of, landed_at
from landing_run.loads
order by system, table_name, load desc
"""

_RECONCILIATION = """
select system, table_name, landed, staged, duplicates, superseded, quarantined
from quarantine.reconciliation
where landed > 0
order by system, table_name
"""

_CONTROL_TOTALS = """
select
    taken.system, taken.table_name, taken.column_name,
    sum(taken.total), sum(taken.not_null), sum(taken.unparsed)
from landing_run.control_totals as taken
inner join landing_run.loads as loads
    on taken.load = loads.load and taken.system = loads.system and taken.table_name = loads.table_name
where loads.is_current
group by all
order by all
"""


# Reasons quote what was found; without texts and numbers the same mistake has the same reason.
_REJECTIONS = r"""
with rejected as (
    select
        rejected.*,
        coalesce(loads.source, '') as source,
        regexp_replace(regexp_replace(reason, '''[^'']*''', '', 'g'), '[0-9]+', '', 'g') as kind
    from quarantine.rejected_rows as rejected
    left join landing_run.loads as loads on rejected.load = loads.load
)

select
    system, table_name, count(*), max_by(reason, (load, row_number)), max_by(source, (load, row_number)),
    max_by(row_number, (load, row_number))
from rejected
group by system, table_name, kind
order by system, table_name, count(*) desc, kind
"""


def _rows(con: duckdb.DuckDBPyConnection, schema: str, table: str, query: str) -> list[tuple[Any, ...]]:
    found = con.execute(
        "select count(*) from information_schema.tables"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return con.execute(query).fetchall() if found and found[0] else []
