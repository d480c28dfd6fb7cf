"""What a run of the gate knows beside the data: which run, as of which day, which sources are connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Freshness:
    """How old the newest business date of a source may be, in days; None means that nobody agreed on it."""

    warn_after_days: int | None = None
    error_after_days: int | None = None


@dataclass(frozen=True)
class Formula:
    """An expression, and the metrics that its columns stand for: (column, metric)."""

    expression: str
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StageContext:
    """One run of the gate.

    `connected` names the source tables (`erp.sales_order_header`) of which there is an extract. `freshness`
    is agreed by system (`erp`) or by table (`erp.sales_order_header`), which comes first. `unread` are the
    source columns in which landing met values that are no plain numbers. `formulas` are those of metrics that
    are computed from others.
    """

    run_id: str
    company: str
    as_of: date
    connected: frozenset[str] = frozenset()
    freshness: Mapping[str, Freshness] = field(default_factory=dict)
    unread: frozenset[tuple[str, str]] = frozenset()
    formulas: Mapping[str, Formula] = field(default_factory=dict)

    def agreed_freshness(self, source: str) -> Freshness | None:
        """Give what is agreed for a source table, or else for its system."""
        return self.freshness.get(source) or self.freshness.get(source.partition(".")[0])

    def absent(self, sources: tuple[str, ...]) -> tuple[str, ...]:
        """Name the source tables among these of which there is no extract."""
        return tuple(source for source in sources if source not in self.connected)

    @classmethod
    def of(
        cls, con: duckdb.DuckDBPyConnection, freshness: Mapping[str, Freshness] | None = None
    ) -> StageContext:
        """Read the run and the connected sources from the warehouse (`landing_run.context` and `.loads`)."""
        run = con.execute("select run_id, company, as_of from landing_run.context").fetchone()
        if run is None:
            raise LookupError("landing_run.context is empty")
        loaded = con.execute(
            "select distinct system || '.' || table_name from landing_run.loads where is_current"
        ).fetchall()
        unread = con.execute(
            "select distinct system || '.' || table_name, column_name from landing_run.control_totals"
            " where unparsed > 0"
        ).fetchall()
        connected = frozenset(name for (name,) in loaded)
        return cls(run[0], run[1], run[2], connected, freshness or {}, frozenset(unread))
