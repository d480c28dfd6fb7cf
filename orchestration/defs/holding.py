"""What the gate decides in a run: the verdict of every figure, and what is held back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plumbline.gate import Cell
from plumbline.quality import CheckResult

if TYPE_CHECKING:
    from orchestration.defs.resources import Session
    from plumbline.definitions import Definitions
    from plumbline.gate import Decision, Hold, Previous
    from plumbline.publication import Publication


def hold_back(session: Session, connection: Any, checks: Sequence[CheckResult]) -> None:
    """Give every figure its verdict; what is held keeps its last good value."""
    from plumbline.definitions import load
    from plumbline.gate import decide, doubts, hold
    from plumbline.publication import current_publication

    definitions = load(session.home.semantic_manifest, session.project.root)
    cells = _cells(connection, definitions)
    decision = decide(checks, cells, session.lineage, definitions, with_targets=_with_targets(connection))
    current = current_publication(session.home)
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    holding = hold(
        connection,
        definitions,
        decision,
        doubtful=doubts(checks, session.lineage, _mart_columns(connection)),
        previous=_previous(current) if current else None,
        as_of=session.as_of,
        now=now,
    )
    session.record.holds = held_by_check(decision, {each.cell: each for each in holding.holds}, now)
    session.record.released = [str(cell) for cell in holding.released]
    session.record.idle_failures = [f"{check.table}: {check.expected}" for check in decision.idle]


def _previous(current: Publication) -> Previous:
    from plumbline.gate import Previous

    return Previous(current.path, current.publication_id, current.verdict == "partly_held")


def _cells(connection: Any, definitions: Definitions) -> list[Cell]:
    """Give what this run computed: every question, and what targets ask for, of available metrics."""
    from plumbline.gate import cells_of
    from plumbline.indicators.questions import all_questions

    available = {
        name
        for (name,) in connection.execute("select name from candidates.indicator where available").fetchall()
    }
    asked = connection.execute(
        "select distinct metric, dimensions from candidates.indicator_value where dimensions <> ''"
    ).fetchall()
    of_targets = [Cell(metric, tuple(dimensions.split(","))) for metric, dimensions in asked]
    cells = dict.fromkeys([*cells_of(all_questions(definitions)), *of_targets])
    return [cell for cell in cells if cell.metric in available]


def _mart_columns(connection: Any) -> list[tuple[str, str]]:
    """Name the columns of all marts, and '' for the rows of each."""
    columns = connection.execute(
        "select 'marts.' || table_name, column_name from duckdb_columns()"
        " where database_name = current_database() and schema_name = 'marts' order by all"
    ).fetchall()
    return [*dict.fromkeys((mart, "") for mart, _ in columns), *columns]


def _with_targets(connection: Any) -> set[str]:
    return {
        name for (name,) in connection.execute("select distinct metric from candidates.target").fetchall()
    }


def held_by_check(decision: Decision, holds: Mapping[Cell, Hold], now: datetime) -> list[dict[str, Any]]:
    """Say for each failed check what it holds back, since when, with example rows; `new`: since this run."""
    return [
        {
            **failure(check),
            "why": check.why,
            "todo": check.todo,
            "examples": [dict(row) for row in check.examples],
            "metrics": sorted({cell.metric for cell in cells}),
            "cells": [str(cell) for cell in cells],
            "new": [str(cell) for cell in cells if holds[cell].since == now],
            "since": min(holds[cell].since for cell in cells).isoformat(),
            "last_good": sorted({holds[cell].last_good for cell in cells} - {""}),
            "never_good": sorted({cell.metric for cell in cells if not holds[cell].last_good}),
        }
        for check, cells in decision.by_check()
    ]


def failure(check: CheckResult) -> dict[str, Any]:
    """Say what failed, for the record of the run."""
    return {
        "stage": check.stage,
        "table": check.table,
        "expectation": check.expectation,
        "expected": check.expected,
        "severity": check.severity,
        "owner": check.owner,
        "message": check.message,
    }
