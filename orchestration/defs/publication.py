"""Publication: one new generation, in which what a critical expectation failed for is held back."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.defs.quality import STAGES, stage_result
from orchestration.defs.resources import Session, row_count
from plumbline.gate import Cell
from plumbline.quality import CheckResult, StageResult

if TYPE_CHECKING:
    from plumbline.definitions import Definitions
    from plumbline.gate import Decision, Hold


def published_specs(candidates: Sequence[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """Declare the published tables; each rests on its candidate, and has its owner."""
    return [
        dg.AssetSpec(
            ["published", spec.key.path[-1]],
            deps=[spec.key],
            description=spec.description,
            group_name="published",
            kinds={"duckdb"},
            owners=spec.owners,
        )
        for spec in candidates
    ]


def publication_asset(specs: list[dg.AssetSpec]) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs, name="publication")
    def publication(session: dg.ResourceParam[Session]) -> Iterator[Any]:
        results = [stage_result(session, stage) for stage in STAGES]
        with session.record.stage("gate"):
            pass_the_gate(session, results)
        with session.record.stage("publication"):
            rows = publish(session)
        for spec in specs:
            yield dg.MaterializeResult(spec.key, metadata=row_count(rows.get(spec.key.path[-1], 0)))

    return publication


def pass_the_gate(session: Session, results: list[StageResult]) -> None:
    """Write the report, rule on every figure, and hold back those that a failed check can have changed.

    Raises GateError when a stage checked nothing.
    """
    from plumbline.errors import GateError
    from plumbline.quality import StageContext, raise_if_idle, write_report
    from plumbline.warehouse import connect

    checks = [check for result in results for check in result.checks]
    record = session.record
    record.quality = dict(Counter(check.verdict for check in checks))
    record.failed_expectations = [_failure(check) for check in checks if check.failed]
    with connect(session.home.warehouse) as connection:
        record.reconciliation = _reconciliation(connection)
        context = StageContext.of(connection)
        record.report = str(write_report(connection, session.home, results, context=context))
        try:
            raise_if_idle(results)
        except GateError as error:
            record.status = "held"
            error.todo += f"\n  The rows and their reasons are in the quality report: {record.report}"
            raise
        hold_back(session, connection, checks)


def hold_back(session: Session, connection: Any, checks: Sequence[CheckResult]) -> None:
    """Give every figure its verdict; what is held keeps its last good value."""
    from plumbline.definitions import load
    from plumbline.gate import Previous, decide, doubts, hold
    from plumbline.publication import current_publication

    definitions = load(session.home.semantic_manifest, session.project.root)
    cells = _cells(connection, definitions)
    decision = decide(checks, cells, session.lineage, definitions, with_targets=_with_targets(connection))
    current = current_publication(session.home)
    holds = hold(
        connection,
        definitions,
        decision,
        doubtful=doubts(checks, session.lineage, _mart_columns(connection)),
        previous=Previous(current.path, current.publication_id) if current else None,
        as_of=session.as_of,
        now=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
    )
    session.record.holds = held_by_check(decision, {each.cell: each for each in holds})
    session.record.idle_failures = [f"{check.table}: {check.expected}" for check in decision.idle]


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


def held_by_check(decision: Decision, holds: Mapping[Cell, Hold]) -> list[dict[str, Any]]:
    """Say for each failed check what it holds back, since when, with example rows."""
    return [
        {
            **_failure(check),
            "why": check.why,
            "todo": check.todo,
            "examples": [dict(row) for row in check.examples],
            "metrics": sorted({cell.metric for cell in cells}),
            "cells": [str(cell) for cell in cells],
            "since": min(holds[cell].since for cell in cells).isoformat(),
            "last_good": sorted({holds[cell].last_good for cell in cells} - {""}),
            "never_good": sorted({cell.metric for cell in cells if not holds[cell].last_good}),
        }
        for check, cells in decision.by_check()
    ]


def _failure(check: CheckResult) -> dict[str, Any]:
    return {
        "stage": check.stage,
        "table": check.table,
        "expectation": check.expectation,
        "expected": check.expected,
        "severity": check.severity,
        "owner": check.owner,
        "message": check.message,
    }


def _reconciliation(connection: Any) -> list[dict[str, Any]]:
    names = ("system", "table_name", "landed", "staged", "duplicates", "superseded", "quarantined")
    rows = connection.execute(f"select {', '.join(names)} from quarantine.reconciliation order by 1, 2")
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def publish(session: Session) -> dict[str, int]:
    """Publish one generation and remember what it was made from; give the rows per published table."""
    from plumbline.publication import RunFacts
    from plumbline.publication import publish as publish_generation
    from plumbline.warehouse import connect

    run = RunFacts(
        session.record.company,
        session.record.run_id,
        session.as_of,
        verdict="partly_held" if session.record.holds else "certified",
        code_commit=code_commit(session.project.root),
    )
    marts = session.marts
    with connect(session.home.warehouse) as connection:
        publication = publish_generation(connection, session.home, run=run, marts=marts)
    session.state.write(
        session.state_file,
        published_fingerprint=session.inputs.everything,
        published_run=session.record.run_id,
    )
    tables = [table for table in publication.tables if table.schema == "published"]
    session.record.status = "published_with_holds" if session.record.holds else "published"
    session.record.publication = {
        "generation": publication.path.name,
        "publication_id": publication.publication_id,
        "tables": len(tables),
        "rows": publication.rows,
        "identical": publication.identical,
    }
    return {table.name: table.rows for table in tables}


def code_commit(root: Path) -> str:
    """Name the commit of the project's code, with `+` when files differ from it; empty outside git."""
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "")
