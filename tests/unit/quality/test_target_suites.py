"""The suite of targets: one per period and member, of a metric that there is, parts beside their whole."""

from collections.abc import Callable
from datetime import date

import duckdb
import pytest

from expectations.targets import TARGETS
from plumbline.quality import CheckResult, StageContext, run_stage

Row = tuple[str, str, str, str, str, float]
Check = Callable[..., dict[str, CheckResult]]


@pytest.fixture
def check(con: duckdb.DuckDBPyConnection, context: StageContext) -> Check:
    """Judge targets: (metric, grain, first day, dimension, member, value)."""
    con.execute("create schema candidates")
    con.execute("""
        create table candidates.indicator as select * from (values
            ('sales', 'simple', 'sum of amount of orders'), ('margin', 'ratio', 'Profit ÷ Sales'))
            as given (name, type, formula)""")
    con.execute("""
        create table candidates.target (metric varchar, grain varchar, period_start date, period_end date,
            dimension varchar, member varchar, value decimal(38, 12), deadline date, light varchar,
            actual decimal(38, 12))""")

    def judged(*rows: Row) -> dict[str, CheckResult]:
        for metric, grain, first, *rest in rows:
            start = date.fromisoformat(first)
            end = date(start.year, 12, 31) if grain == "year" else start
            values = [metric, grain, start, end, *rest, end]
            con.execute("insert into candidates.target values (?, ?, ?, ?, ?, ?, ?, ?, null, null)", values)
        found = run_stage(con, "indicators", [TARGETS], context=context).checks
        return {result.expected: result for result in found}

    return judged


COMPANY: Row = ("sales", "month", "2026-01-01", "", "", 100)
MEMBERS = "the targets of members add up to that of the company, within 0.5 %"
MONTHS = "those of months add up to quarter and year, within 0.5 %"


def north_and_south(south: float) -> list[Row]:
    return [
        ("sales", "month", "2026-01-01", "territory", name, value)
        for name, value in (("North", 60.0), ("South", south))
    ]


def test_members_that_add_up_to_the_company_pass(check: Check) -> None:
    found = check(COMPANY, *north_and_south(40.4))
    assert found[MEMBERS].verdict == "passed"
    assert {result.verdict for result in found.values()} <= {"passed", "skipped"}


def test_members_that_do_not_add_up_are_a_warning(check: Check) -> None:
    result = check(COMPANY, *north_and_south(30))[MEMBERS]
    assert (result.verdict, result.severity, result.blocks) == ("failed", "warning", False)
    assert "90" in str(result.examples)


def test_rates_of_members_need_not_add_up(check: Check) -> None:
    rates: list[Row] = [
        ("margin", "month", "2026-01-01", dimension, member, 0.3)
        for dimension, member in (("", ""), ("territory", "North"), ("territory", "South"))
    ]
    assert check(*rates)[MEMBERS].verdict == "skipped"


@pytest.mark.parametrize(("value", "verdict"), [(1200, "passed"), (1300, "failed")])
def test_a_year_is_its_months(check: Check, value: float, verdict: str) -> None:
    months: list[Row] = [("sales", "month", f"2026-{month:02d}-01", "", "", 100) for month in range(1, 13)]
    assert check(*months, ("sales", "year", "2026-01-01", "", "", value))[MONTHS].verdict == verdict


def test_a_year_with_some_months_only_is_not_compared(check: Check) -> None:
    assert check(COMPANY, ("sales", "year", "2026-01-01", "", "", 1200))[MONTHS].verdict == "skipped"


def test_a_target_that_is_there_twice_blocks(check: Check) -> None:
    assert [result.expected for result in check(COMPANY, COMPANY).values() if result.blocks]


def test_a_target_of_an_unknown_metric_blocks(check: Check) -> None:
    found = check(("saels", "month", "2026-01-01", "", "", 1))
    (blocking,) = [result for result in found.values() if result.blocks]
    assert "metric" in blocking.expected
