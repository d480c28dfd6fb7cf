"""The quality gate as asset checks: one step per stage, one check per table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.defs.resources import Session
from plumbline.errors import ConfigurationError, PlumblineError
from plumbline.landing import Sources
from plumbline.quality import CheckResult, Freshness, StageResult, StageSuites

if TYPE_CHECKING:
    from plumbline.definitions import Definitions

_RULES = "expectations"
STAGES = ("landing", "staging", "marts", "indicators")


def suites_of(stage: str) -> StageSuites:
    """Give the suites of a stage from expectations/<stage>.py, or raise ConfigurationError."""
    from importlib import import_module

    try:
        suites: StageSuites = import_module(f"expectations.{stage}").suites()
    except PlumblineError:
        raise
    except Exception as error:  # whatever Python says about a rule that somebody wrote
        raise _unreadable(stage, error) from error
    return suites


def _unreadable(stage: str, error: Exception) -> ConfigurationError:
    """Name the line of the rule file that is wrong, as Python met it last."""
    own = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).parent.name == _RULES]
    file, line = f"{stage}.py", own[-1].lineno if own else None
    if isinstance(error, SyntaxError) and error.filename:
        file, line = Path(error.filename).name, error.lineno
    elif own:
        file = Path(own[-1].filename).name
    what = error.msg if isinstance(error, SyntaxError) else str(error)
    return ConfigurationError(
        "the rules of this file cannot be read",
        where=f"{_RULES}/{file}:{line}" if line else f"{_RULES}/{file}",
        why=f"{type(error).__name__}: {what}.",
        todo="Mend that line, and run again. What is published stays as it is.",
        code="bad-expectations",
    )


def owners() -> dict[dg.AssetKey, str]:
    """Say who answers for each checked table: 'Sales: head of sales'."""
    return {
        table_key(suite.table): suite.owner for stage in STAGES for suite in suites_of(stage) if suite.owner
    }


def table_key(table: str) -> dg.AssetKey:
    """Name the asset that a checked table is: 'landing_erp.product', 'marts.order_lines'."""
    schema, name = table.split(".", 1)
    if schema.startswith("landing_"):
        return dg.AssetKey(["landing", schema.removeprefix("landing_"), name])
    return dg.AssetKey([schema, name])


def stage_checks(known: set[dg.AssetKey], after: Sequence[dg.AssetKey]) -> list[dg.AssetChecksDefinition]:
    """Declare a check step per stage, for the tables that are assets of this company.

    All steps come `after` the models: Great Expectations is then loaded, which happens while dbt works.
    """
    found = []
    for stage in STAGES:
        keys = {table_key(table) for table in suites_of(stage).tables}
        file = f"expectations/{stage}.py"
        specs = [
            dg.AssetCheckSpec(
                "quality",
                asset=key,
                additional_deps=[other for other in after if other != key],
                description=f"The rules of {file}. A critical one that fails stops the publication.",
            )
            for key in sorted(keys & known, key=lambda key: key.path)
        ]
        if specs:
            found.append(_stage_check(stage, specs))
    return found


def _stage_check(stage: str, specs: list[dg.AssetCheckSpec]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(specs=specs, name=f"check_{stage}")
    def check(session: dg.ResourceParam[Session]) -> Iterator[Any]:
        if session.nothing_new:
            return
        by_key = defaultdict(list)
        for result in stage_result(session, stage).checks:
            by_key[table_key(result.table)].append(result)
        for spec in specs:
            yield _check_result(spec.asset_key, by_key[spec.asset_key])

    return check


def _check_result(key: dg.AssetKey, results: list[CheckResult]) -> dg.AssetCheckResult:
    failed = [result for result in results if result.failed]
    critical = any(result.blocks for result in failed)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="quality",
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
        description="\n".join(f"{result.expected}: {result.message}" for result in failed) or None,
        metadata={
            "expectations": len(results),
            "failed": len(failed),
            "skipped": sum(result.verdict == "skipped" for result in results),
        },
    )


def stage_result(session: Session, stage: str) -> StageResult:
    """Check a stage once per run; later callers get the same result."""
    if stage not in session.results:
        session.results[stage] = _run(session, stage)
    return session.results[stage]


def _run(session: Session, stage: str) -> StageResult:
    from plumbline.quality import StageContext, formulas_of, run_stage
    from plumbline.warehouse import connect

    assert session.registered
    marts = session.marts if stage == "marts" else {} if stage == "landing" else None
    with session.record.stage(f"quality {stage}"), connect(session.home.warehouse) as connection:
        context = StageContext.of(connection, agreed_freshness(session.sources))
        if stage == "indicators":
            context = replace(context, formulas=formulas_of(_definitions(session)))
        return run_stage(connection, stage, suites_of(stage), context=context, marts=marts, anew=session.full)


def _definitions(session: Session) -> Definitions:
    from plumbline.definitions import load

    return load(session.home.semantic_manifest, session.project.root)


def agreed_freshness(sources: Sources) -> dict[str, Freshness]:
    """Take from the sources file how old the newest business date of each system may be."""
    return {
        name: Freshness(system.freshness.warn_after_days, system.freshness.error_after_days)
        for name, system in sources.systems.items()
        if system.freshness
    }
