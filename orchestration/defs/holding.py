"""What the gate decides in a run: the verdict of every figure, and what is held back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.defs.restating import restate_figures
from plumbline.gate import Cell
from plumbline.quality import CheckResult

if TYPE_CHECKING:
    from orchestration.defs.resources import Session
    from plumbline.definitions import Definitions
    from plumbline.gate import Decision, Holding, Previous
    from plumbline.publication import Publication
    from plumbline.runs import RunRecord


def foresee(session: Session) -> None:
    """Follow what has been found wrong so far to the days that it can spoil: the gate will ask for them."""
    from plumbline.definitions import load
    from plumbline.gate import cells_of
    from plumbline.indicators.questions import all_questions

    failed = [check for result in session.results.values() for check in result.checks if check.failed]
    if not failed:
        return
    for cell in cells_of(all_questions(load(session.home.semantic_manifest, session.project.root))):
        session.lineage.direct(*cell)
    for check in failed:
        session.dating.follow(check)


def hold_back(session: Session, connection: Any, checks: Sequence[CheckResult]) -> None:
    """Give every figure its verdict; what is held keeps its last good value."""
    from plumbline.definitions import load
    from plumbline.gate import decide, doubts, hold, over, standing, waived, write_waivers
    from plumbline.publication import current_publication
    from plumbline.publication.recording import require_whole

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
        over=over(session.waivers, session.today),
        dates=session.dating,
    )
    write_waivers(connection, session.waivers, decision, session.today)
    checks = [waived(check, waivers) for check in checks]
    # What is held, and what is restated, is taken from there.
    require_whole(session.ledger.ledger, session.home)
    current = current_publication(session.home)
    previous = _previous(current) if current else None
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    holding = hold(
        connection,
        definitions,
        decision,
        doubtful=doubts(checks, session.lineage, _mart_columns(connection), session.dating),
        previous=previous,
        as_of=session.as_of,
        now=now,
    )
    restate_figures(session, connection, definitions, previous, now)
    session.record.holds = held_by_check(decision, holding, now)
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


def held_by_check(decision: Decision, holding: Holding, now: datetime) -> list[dict[str, Any]]:
    """Say for each failed check what it holds back, since when, with example rows; `new`: since this run."""
    return [_held_by(decision, holding, now, check, set(cells)) for check, cells in decision.by_check()]


def _held_by(
    decision: Decision, holding: Holding, now: datetime, check: CheckResult, cells: Collection[Cell]
) -> dict[str, Any]:
    holds = [each for each in holding.holds if each.cell in cells and check in each.ruling.checks]
    return {
        **failure(check),
        "why": check.why,
        "todo": check.todo,
        "examples": [dict(row) for row in check.examples],
        "metrics": sorted({each.cell.metric for each in holds}),
        "cells": list(dict.fromkeys(str(each.cell) for each in holds)),
        "days": [[day.isoformat() for day in days] for days in decision.days_of(check, cells)],
        "new": list(dict.fromkeys(str(each.cell) for each in holds if each.since == now)),
        "since": min(each.since for each in holds).isoformat(),
        "last_good": sorted({each.last_good for each in holds} - {""}),
        "never_good": sorted({each.cell.metric for each in holds if not each.last_good}),
    }


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
