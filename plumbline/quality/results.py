"""What the gate found: one result per expectation, kept in the warehouse table `quality.result`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from plumbline.errors import GateError
from plumbline.quality.context import StageContext
from plumbline.quality.expectation import CRITICAL

if TYPE_CHECKING:
    import duckdb

# Ranges of days, both ends included.
Days = tuple[tuple[date, date], ...]
PASSED, FAILED, SKIPPED, ERROR = "passed", "failed", "skipped", "error"

_TABLE = """
create schema if not exists quality;
create table if not exists quality.result (
    run_id varchar not null,
    stage varchar not null,
    position integer not null,
    table_name varchar not null,
    column_name varchar,
    expectation varchar not null,
    severity varchar not null,
    quality_dimension varchar not null,
    owner varchar not null,
    verdict varchar not null,
    evaluated bigint,
    unexpected bigint,
    unexpected_share double,
    examples varchar,
    observed varchar,
    expected varchar,
    message varchar,
    why varchar,
    todo varchar,
    protects varchar,
    seconds double,
    checked_at timestamp not null,
    touches varchar
);
alter table quality.result add column if not exists touches varchar
"""


@dataclass(frozen=True)
class CheckResult:
    """What one expectation found. `unexpected` is None where the table is judged as a whole.

    `touches` names tables and columns that are in doubt if it failed ('' for which rows there are), `broken`
    is the SQL condition that picks the rows of its table that break it, where there is one, and `metrics` the
    metrics whose candidates broke it; None where it does not tell metrics apart. `spans` are the days of the
    periods whose figures broke it, by metric; of a metric that is not there, all. `about_age`: it is about
    how old the newest data are. `waived`: who lets it through nevertheless, until when and why;
    `lapsed`: who did until when.
    """

    stage: str
    table: str
    column: str
    expectation: str
    severity: str
    quality_dimension: str
    owner: str
    verdict: str
    evaluated: int = 0
    unexpected: int | None = None
    examples: tuple[Mapping[str, Any], ...] = ()
    observed: str = ""
    expected: str = ""
    message: str = ""
    seconds: float = 0.0
    protects: tuple[str, ...] = ()
    why: str = ""
    todo: str = ""
    touches: tuple[tuple[str, str], ...] = ()
    broken: str = ""
    metrics: tuple[str, ...] | None = None
    spans: Mapping[str, Days] = field(default_factory=dict)
    about_age: bool = False
    waived: str = ""
    lapsed: str = ""

    @property
    def unexpected_share(self) -> float | None:
        """Give the share of the evaluated rows that break the rule."""
        if self.unexpected is None or not self.evaluated:
            return None
        return self.unexpected / self.evaluated

    @property
    def failed(self) -> bool:
        """Tell whether the rule was broken, or could not be judged for an error."""
        return self.verdict in (FAILED, ERROR)

    @property
    def blocks(self) -> bool:
        """Tell whether the result stops publication."""
        return self.failed and self.severity == CRITICAL and not self.waived


@dataclass(frozen=True)
class StageResult:
    """What all expectations of one stage found."""

    stage: str
    run_id: str
    checks: tuple[CheckResult, ...]
    seconds: float = 0.0
    counts: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        verdicts = [check.verdict for check in self.checks]
        object.__setattr__(self, "counts", {name: verdicts.count(name) for name in dict.fromkeys(verdicts)})

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """Give the critical expectations that failed."""
        return tuple(check for check in self.checks if check.blocks)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """Give the expectations that failed and do not stop publication."""
        return tuple(check for check in self.checks if check.failed and not check.blocks)

    @property
    def passed(self) -> bool:
        """Tell whether nothing stops publication; a stage without any check does not pass."""
        return bool(self.checks) and not self.blocking


def store(con: duckdb.DuckDBPyConnection, result: StageResult) -> None:
    """Keep the results of a stage in `quality.result`, replacing those of the same run and stage."""
    rows = [
        {
            "position": position,
            "table_name": check.table,
            "column_name": check.column or None,
            "expectation": check.expectation,
            "severity": check.severity,
            "quality_dimension": check.quality_dimension,
            "owner": check.owner,
            "verdict": check.verdict,
            "evaluated": check.evaluated,
            "unexpected": check.unexpected,
            "unexpected_share": check.unexpected_share,
            "examples": json.dumps(check.examples, ensure_ascii=False) if check.examples else None,
            "observed": check.observed,
            "expected": check.expected,
            "message": check.message,
            "why": check.why,
            "todo": check.todo,
            "protects": ", ".join(check.protects),
            "seconds": check.seconds,
            "touches": ", ".join(
                f"{table}.{column}" if column else f"rows of {table}" for table, column in check.touches
            ),
        }
        for position, check in enumerate(result.checks, start=1)
    ]
    con.execute(_TABLE)
    con.execute("begin")
    try:
        run = [result.run_id, result.stage]
        con.execute("delete from quality.result where run_id = ? and stage = ?", run)
        if rows:
            con.execute(_INSERT, [*run, json.dumps(rows, ensure_ascii=False)])
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise


_INSERT = """
insert into quality.result (
    run_id, stage, position, table_name, column_name, expectation, severity, quality_dimension, owner,
    verdict, evaluated, unexpected, unexpected_share, examples, observed, expected, message, why, todo,
    protects, seconds, touches, checked_at
)
select ?, ?, position, table_name, column_name, expectation, severity, quality_dimension, owner, verdict,
    evaluated, unexpected, unexpected_share, examples, observed, expected, message, why, todo, protects,
    seconds, touches, now() at time zone 'UTC'
from (
    select unnest(from_json_strict(?, '[{
        "position": "integer", "table_name": "varchar", "column_name": "varchar", "expectation": "varchar",
        "severity": "varchar", "quality_dimension": "varchar", "owner": "varchar", "verdict": "varchar",
        "evaluated": "bigint", "unexpected": "bigint", "unexpected_share": "double", "examples": "varchar",
        "observed": "varchar", "expected": "varchar", "message": "varchar", "why": "varchar",
        "todo": "varchar", "protects": "varchar", "seconds": "double", "touches": "varchar"
    }]'), recursive := true)
)
"""


def raise_if_idle(results: Iterable[StageResult]) -> None:
    """Raise GateError when a stage checked nothing: then nobody knows what may be published."""
    idle = [stage.stage for stage in results if not stage.checks]
    if idle:
        raise GateError(
            "the gate judged nothing: nothing is published",
            where=", ".join(idle),
            why="\n  ".join(f"{stage}: no expectation was judged." for stage in idle),
            todo="The published generation stays as it is. Mend the suites in expectations/, and run again.",
        )


__all__ = [
    "ERROR",
    "FAILED",
    "PASSED",
    "SKIPPED",
    "CheckResult",
    "StageContext",
    "StageResult",
    "raise_if_idle",
    "store",
]
