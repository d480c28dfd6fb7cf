"""What the gate decides in a run: the verdict of every figure, and what is held back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.defs.restating import restate_figures
from plumbline.gate import Cell
from plumbline.quality import CheckResult

if TYPE_CHECKING:
    from orchestration.defs.resources import Session
    from plumbline.definitions import Definitions
    from plumbline.gate import Decision, Hold, Previous
    from plumbline.publication import Publication
    from plumbline.runs import RunRecord


def hold_back(session: Session, connection: Any, checks: Sequence[CheckResult]) -> None:
    """Give every figure its verdict; what is held keeps its last good value."""
    from plumbline.definitions import load
    from plumbline.gate import decide, doubts, hold, standing, waived, write_waivers
    from plumbline.publication import current_publication

    definitions = load(session.home.semantic_manifest, session.project.root)
    cells = _cells(connection, definitions)
    waivers = standing(session.waivers, session.today)
    decision = decide(
        checks,
        cells,
        session.lineage,
        definitions,
        with_targets=_with_targets(connection),
        waivers=waivers,
    )
    write_waivers(connection, session.waivers, decision, session.today)
    checks = [waived(check, waivers) for check in checks]
    current = current_publication(session.home)
    previous = _previous(current) if current else None
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    holding = hold(
        connection,
        definitions,
        decision,
        doubtful=doubts(checks, session.lineage, _mart_columns(connection)),
        previous=previous,
        as_of=session.as_of,
        now=now,
    )
    restate_figures(session, connection, definitions, previous, now)
    session.record.holds = held_by_check(decision, {each.cell: each for each in holding.holds}, now)
    session.record.released = [str(cell) for cell in holding.released]
    _note_waived(session.record, decision, checks)
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


def _note_waived(record: RunRecord, decision: Decision, checks: Sequence[CheckResult]) -> None:
    """Say in the record which failures somebody has waived, as a whole or for all that they held back."""
    told = {(check.table, check.expected): check.waived for check in checks}
    held = {(check.table, check.expected) for check, _ in decision.by_check()}
    for ruling in decision.rulings.values():
        for check in ruling.checks:
            if check.waived and (check.table, check.expected) not in held:
                told[check.table, check.expected] = check.waived
    for failed in record.failed_expectations:
        failed["waived"] = told.get((failed["table"], failed["expected"]), "")


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
