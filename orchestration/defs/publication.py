"""Publication: one new generation, only when no critical expectation failed."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.defs.quality import STAGES, stage_result
from orchestration.defs.resources import Session, row_count
from plumbline.quality import CheckResult, StageResult


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
    """Record what the stages found, write the report, and raise GateError for critical failures."""
    from plumbline.errors import GateError
    from plumbline.quality import StageContext, raise_if_critical, write_report
    from plumbline.warehouse import connect

    checks = [check for result in results for check in result.checks]
    record = session.record
    record.quality = dict(Counter(check.verdict for check in checks))
    record.failed_expectations = [_failure(check) for check in checks if check.failed]
    with connect(session.home.warehouse) as connection:
        record.reconciliation = _reconciliation(connection)
        context = StageContext.of(connection)
        record.report = str(write_report(connection, session.home, results, context=context))
    if any(result.blocking for result in results):
        record.status = "held"
    try:
        raise_if_critical(results)
    except GateError as error:
        error.todo += f"\n  The rows and their reasons are in the quality report: {record.report}"
        raise


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
    session.record.status = "published"
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
