"""Judge the expectations of a stage with Great Expectations over an open DuckDB connection.

The aggregates of all expectations on one table are computed in one statement, and all evidence in another.
Great Expectations is driven below its data context: an execution engine, its metrics, its expectations. So
nothing is written to disk, nothing is reported, and only counts are read; example rows are read afterwards,
for what failed.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from sqlglot import exp

from plumbline.quality.context import StageContext
from plumbline.quality.evidence import Evidence
from plumbline.quality.examples import examples_of
from plumbline.quality.expectation import CRITICAL, Expectation, StageSuites, Suite
from plumbline.quality.results import ERROR, FAILED, PASSED, SKIPPED, CheckResult, StageResult, store
from plumbline.quality.rules import COMPLETENESS
from plumbline.quality.warm import judging

if TYPE_CHECKING:
    import duckdb

    from plumbline.quality.judge import Finding, Judge


@dataclass(frozen=True)
class Check:
    """One expectation on one table; `skip` says why it is not judged in this run, or nothing."""

    number: int
    suite: Suite
    expectation: Expectation
    skip: str

    @property
    def table(self) -> str:
        return self.suite.table


def run_stage(
    con: duckdb.DuckDBPyConnection,
    stage: str,
    suites: StageSuites | Iterable[Suite],
    *,
    context: StageContext,
) -> StageResult:
    """Judge the suites of a stage and keep the results in `quality.result`.

    Tables whose source has no extract are skipped. A suite without expectations fails, as do a table that has
    an extract and no rows, and an expectation that raises an exception. Reads what is committed.
    """
    judging()
    started = time.perf_counter()
    suites = suites.known(con) if isinstance(suites, StageSuites) else tuple(suites)
    checks = _checks(suites, context)
    found = _judge(con, [check for check in checks if not check.skip], context)
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
    con: duckdb.DuckDBPyConnection, checks: Sequence[Check], context: StageContext
) -> dict[int, Finding]:
    if not checks:
        return {}
    module = judging()
    from plumbline.quality.dialect import engine_over

    with engine_over(con) as engine:
        judge = module.Judge(engine)
        rows, findings = _judge_tables(judge, checks, context)
        findings.update(_judge_evidence(judge, checks, context))
    return {check.number: _demand_rows(check, findings[check.number], rows[check.table]) for check in checks}


def _judge_tables(
    judge: Judge, checks: Sequence[Check], context: StageContext
) -> tuple[dict[str, int | None], dict[int, Finding]]:
    rows: dict[str, int | None] = {}
    findings: dict[int, Finding] = {}
    for relation, group in groupby(sorted(checks, key=_table_of), key=_table_of):
        calls = {
            check.number: check.expectation.rule.call(relation, context)
            for check in group
            if not isinstance(check.expectation.rule, Evidence)
        }
        found = judge.judge_table(relation, calls)
        rows[relation] = found.rows
        findings.update(found.findings)
    return rows, findings


def _judge_evidence(judge: Judge, checks: Sequence[Check], context: StageContext) -> dict[int, Finding]:
    """Run each query of many subjects once, and all of one row together; when that breaks, each by itself."""
    queries: dict[Hashable, exp.Query] = {}
    shared: dict[Hashable, dict[int, tuple[str, float]]] = defaultdict(dict)
    alone: dict[int, tuple[exp.Query, float]] = {}
    for check in checks:
        rule = check.expectation.rule
        if isinstance(rule, Evidence) and rule.subject:
            sharing = rule.shared_by(check.table)
            if sharing not in queries:
                queries[sharing] = rule.collected(check.table, context)
            shared[sharing][check.number] = (rule.subject, rule.mostly)
        elif isinstance(rule, Evidence):
            alone[check.number] = (rule.collected(check.table, context, str(check.number)), rule.mostly)
    findings: dict[int, Finding] = {}
    for sharing, query in queries.items():
        findings.update(judge.judge_evidence(query.sql(dialect="duckdb"), shared[sharing]))
    if len(alone) > 1:
        every = exp.union(*(query for query, _ in alone.values()), distinct=False).sql(dialect="duckdb")
        subjects = {number: (str(number), share) for number, (_, share) in alone.items()}
        together = judge.judge_evidence(every, subjects)
        if not any(finding.error for finding in together.values()):
            return {**findings, **together}
    for number, (single, share) in alone.items():
        findings.update(judge.judge_evidence(single.sql(dialect="duckdb"), {number: (str(number), share)}))
    return findings


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
    columns = ", ".join(rule.columns)
    return CheckResult(
        stage=stage,
        table=suite.table,
        column=columns,
        expectation="" if skip else rule.call(suite.table, context).expectation,
        severity=expectation.severity,
        quality_dimension=expectation.dimension or rule.dimension,
        owner=expectation.owner or suite.owner,
        verdict=verdict,
        evaluated=finding.evaluated if finding else 0,
        unexpected=None if finding is None or rule.whole else finding.unexpected,
        examples=examples_of(con, suite, expectation, context) if broken else (),
        observed=finding.observed if finding else "",
        expected=rule.words(context),
        message=_message(check, verdict, skip, finding),
        seconds=finding.seconds if finding else 0.0,
        protects=expectation.protects
        or tuple(f"{suite.table}.{name}" for name in rule.columns)
        or (suite.table,),
        why=expectation.why,
        todo=expectation.todo,
    )


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
        todo="Write an expectation for the table, or take the suite away.",
    )


def _table_of(check: Check) -> str:
    return check.table
