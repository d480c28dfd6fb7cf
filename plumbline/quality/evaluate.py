"""Judge the expectations of a stage with Great Expectations over an open DuckDB connection.

The aggregates of all expectations on one table are computed in one statement, and all evidence in another.
Great Expectations is driven below its data context: an execution engine, its metrics, its expectations. So
nothing is written to disk, nothing is reported, and only counts are read; example rows are read afterwards,
for what failed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plumbline.quality.asked import Asked, Check
from plumbline.quality.context import StageContext
from plumbline.quality.doubts import figures_in_doubt
from plumbline.quality.examples import examples_of
from plumbline.quality.expectation import CRITICAL, Expectation, StageSuites, Suite
from plumbline.quality.kept import Kept
from plumbline.quality.results import ERROR, FAILED, PASSED, SKIPPED, CheckResult, StageResult, store
from plumbline.quality.rules import COMPLETENESS
from plumbline.quality.warm import judging

if TYPE_CHECKING:
    import duckdb

    from plumbline.quality.judge import Finding
    from plumbline.warehouse.contents import Contents


def run_stage(
    con: duckdb.DuckDBPyConnection,
    stage: str,
    suites: StageSuites | Iterable[Suite],
    *,
    context: StageContext,
    marts: Contents | None = None,
    anew: bool = False,
) -> StageResult:
    """Judge the suites of a stage and keep the results in `quality.result`.

    Tables whose source has no extract are skipped. A suite without expectations fails, as do a table that has
    an extract and no rows, and an expectation that raises an exception. Reads what is committed.

    With `marts`, the digests of the marts as they are now, evidence that adds up by month is collected only
    for months that changed, and that of landed tables only for new loads; `anew` forgets what was kept.
    """
    judging()
    started = time.perf_counter()
    suites = suites.known(con) if isinstance(suites, StageSuites) else tuple(suites)
    checks = _checks(suites, context)
    kept = Kept(con, stage, marts, anew) if marts is not None else None
    found = _judge(con, [check for check in checks if not check.skip], context, kept)
    if kept:
        kept.save()
    judged = [_result(con, stage, check, found.get(check.number), context) for check in checks]
    empty = [_empty_suite(stage, suite) for suite in suites if not suite.expectations]
    result = StageResult(stage, context.run_id, (*empty, *judged), time.perf_counter() - started)
    store(con, result)
    return result


def _checks(suites: Sequence[Suite], context: StageContext) -> list[Check]:
    needs = {suite.table: suite.needs for suite in suites}
    pairs = ((suite, expectation) for suite in suites for expectation in suite.expectations)
    return [
        Check(number, suite, expectation, _skip(suite, expectation, needs, context))
        for number, (suite, expectation) in enumerate(pairs)
    ]


def _skip(
    suite: Suite, expectation: Expectation, needs: Mapping[str, tuple[str, ...]], context: StageContext
) -> str:
    if suite.skip:
        return suite.skip
    others = (source for name in expectation.rule.tables for source in needs.get(name, ()))
    absent = context.absent(tuple(dict.fromkeys((*suite.needs, *expectation.needs, *others))))
    return f"no extract of {', '.join(absent)}" if absent else expectation.rule.skip(suite.table, context)


def _judge(
    con: duckdb.DuckDBPyConnection, checks: Sequence[Check], context: StageContext, kept: Kept | None
) -> dict[int, Finding]:
    if not checks:
        return {}
    module = judging()
    from plumbline.quality.dialect import engine_over

    asked = Asked(checks, context, kept)
    with engine_over(con) as engine:
        judge = module.Judge(engine, kept)
        answers = judge.judge(asked.together(), tuple(dict.fromkeys(check.table for check in checks)))
        findings = {number: module.Finding(error=text) for number, text in asked.refused.items()}
        findings |= answers.findings
        broken = {number for number, finding in findings.items() if finding.error}
        if apart := asked.apart(broken):
            findings |= judge.judge(apart, ()).findings
    return {
        check.number: _demand_rows(check, findings[check.number], answers.rows[check.table])
        for check in checks
    }


def _demand_rows(check: Check, finding: Finding, rows: int | None) -> Finding:
    """Nothing passes that evaluated nothing: an empty table fails, a column without values is skipped."""
    if finding.error or finding.reason:
        return finding
    if not rows:
        if check.suite.may_be_empty:
            return replace(finding, reason="the table is empty, as it may be")
        return replace(finding, success=False, evaluated=0, unexpected=None, observed=_NOTHING)
    if not finding.evaluated:
        vacuous = check.expectation.rule.vacuous
        if vacuous:
            return replace(finding, reason=vacuous)
        return replace(finding, success=False, observed=_NOTHING)
    return finding


_NOTHING = "evaluated no rows"


def _result(
    con: duckdb.DuckDBPyConnection, stage: str, check: Check, finding: Finding | None, context: StageContext
) -> CheckResult:
    suite, expectation = check.suite, check.expectation
    rule = expectation.rule
    skip = check.skip or (finding.reason if finding else "")
    verdict = _verdict(skip, finding)
    broken = verdict == FAILED and finding is not None and finding.evaluated > 0
    spans = figures_in_doubt(con, suite, rule, context) if verdict in (FAILED, ERROR) else None
    columns = ", ".join(rule.columns)
    return CheckResult(
        stage=stage,
        table=suite.table,
        column=columns,
        expectation=finding.expectation if finding else "",
        severity=expectation.severity,
        quality_dimension=expectation.dimension or rule.dimension,
        owner=expectation.owner or suite.owner,
        verdict=verdict,
        evaluated=finding.evaluated if finding else 0,
        unexpected=None if finding is None or rule.whole else finding.unexpected,
        examples=_examples(con, check, context) if broken else (),
        observed=finding.observed if finding else "",
        expected=rule.words(context),
        message=_message(check, verdict, skip, finding) + _set_aside(con, check, finding),
        seconds=finding.seconds if finding else 0.0,
        protects=expectation.protects
        or tuple(f"{suite.table}.{name}" for name in rule.columns)
        or (suite.table,),
        why=expectation.why,
        todo=expectation.todo,
        touches=rule.touches(suite.table),
        broken=_condition(check, context) if broken else "",
        about_age=rule.about_age,
        metrics=None if spans is None else tuple(spans),
        spans={name: days for name, days in (spans or {}).items() if days},
    )


def _examples(
    con: duckdb.DuckDBPyConnection, check: Check, context: StageContext
) -> tuple[Mapping[str, Any], ...]:
    """Read example rows; a query for them that fails takes nothing from the verdict."""
    import duckdb

    try:
        return examples_of(con, check.suite, check.expectation, context)
    except duckdb.Error:
        return ()


def _condition(check: Check, context: StageContext) -> str:
    """Write the condition that picks the rows which break a rule; '' where rows do not tell."""
    rule = check.expectation.rule
    condition = None if rule.whole else rule.broken(check.table, context)
    return condition.sql(dialect="duckdb") if condition is not None else ""


def _verdict(skip: str, finding: Finding | None) -> str:
    if skip or finding is None:
        return SKIPPED
    if finding.error:
        return ERROR
    return PASSED if finding.success else FAILED


def _message(check: Check, verdict: str, skip: str, finding: Finding | None) -> str:
    if verdict == SKIPPED or finding is None:
        return f"skipped: {skip}"
    if verdict == ERROR:
        return f"could not be judged: {finding.error}"
    if not finding.evaluated:
        return "evaluated no rows, though there is an extract"
    if check.expectation.rule.whole or finding.unexpected is None:
        return finding.observed or f"{finding.evaluated:,} rows"
    broken = f"{finding.unexpected:,} of {finding.evaluated:,} rows break it"
    return f"{broken}; {finding.observed}" if finding.unexpected and finding.observed else broken


def _set_aside(con: duckdb.DuckDBPyConnection, check: Check, finding: Finding | None) -> str:
    """Say why a table is empty whose rows were all set aside: how many, and what one of them has."""
    import duckdb

    if finding is None or finding.evaluated or finding.success or finding.error or finding.reason:
        return ""
    needs = ", ".join(f"'{source}'" for source in check.suite.needs)
    try:
        row = con.execute(
            "select count(*), min(system || '.' || table_name || ': ' || reason)"
            f" from quarantine.rejected_rows where system || '.' || table_name in ({needs or 'null'})"
        ).fetchone()
    except duckdb.Error:
        return ""
    if not row or not row[0]:
        return ""
    return f"; {row[0]:,} rows are in quarantine, such as {row[1].replace('; ', ', ')}"


def _empty_suite(stage: str, suite: Suite) -> CheckResult:
    return CheckResult(
        stage=stage,
        table=suite.table,
        column="",
        expectation="SuiteHoldsExpectations",
        severity=CRITICAL,
        quality_dimension=COMPLETENESS,
        owner=suite.owner,
        verdict=FAILED,
        expected="its suite holds at least one expectation",
        message="the suite is empty, so nothing was checked",
        protects=(suite.table,),
        touches=((suite.table, ""),),
        todo="Write an expectation for the table, or take the suite away.",
    )
