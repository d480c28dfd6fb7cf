"""Publication: one new generation, in which what a critical expectation failed for is held back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from orchestration.commit import code_commit
from orchestration.defs.holding import failure, hold_back
from orchestration.defs.quality import STAGES, stage_result
from orchestration.defs.recording import note_quarantine, record_publication, record_quality
from orchestration.defs.resources import Session, row_count
from plumbline.quality import StageResult


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
    record.failed_expectations = [failure(check) for check in checks if check.failed]
    with connect(session.home.warehouse) as connection:
        record.reconciliation = _reconciliation(connection)
        context = StageContext.of(connection)
        report = write_report(connection, session.home, results, context=context)
        record_quality(session, connection, report)
        note_quarantine(session, connection)
        record.report = str(report)
        try:
            raise_if_idle(results)
        except GateError as error:
            record.status = "held"
            error.todo += f"\n  The rows and their reasons are in the quality report: {record.report}"
            raise
        hold_back(session, connection, checks)


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
        verdict="partly_held" if session.holds_back else "certified",
        code_commit=code_commit(session.project.root),
    )
    marts = session.marts
    session.shelving.result()
    with connect(session.home.warehouse) as connection:
        publication = publish_generation(
            connection,
            session.home,
            run=run,
            marts=marts,
            before_switch=lambda complete: record_publication(session, complete),
        )
    session.state.write(
        session.state_file,
        published_fingerprint=session.inputs.everything,
        published_run=session.record.run_id,
    )
    tables = [table for table in publication.tables if table.schema == "published"]
    session.record.status = "published_with_holds" if session.holds_back else "published"
    session.record.publication = {
        "generation": publication.path.name,
        "publication_id": publication.publication_id,
        "tables": len(tables),
        "rows": publication.rows,
        "identical": publication.identical,
    }
    return {table.name: table.rows for table in tables}
