"""The suite of the figures: parts beside their totals."""

import duckdb
import pytest

from expectations.indicators import PARTS_ADD_UP
from plumbline.quality import CheckResult, StageContext, critical, run_stage, suite

MONTH = "'month', date '2026-01-01'"


@pytest.fixture
def figures(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    con.execute(f"""
        create schema candidates;
        create table candidates.indicator as select * from (values
            ('sales', 'simple', 'sum of amount of orders'), ('margin', 'ratio', 'Profit ÷ Sales'))
            as given (name, type, formula);
        create table candidates.indicator_value as select * from (values
            ('sales', {MONTH}, '', '', 100.0), ('margin', {MONTH}, '', '', 0.4),
            ('margin', {MONTH}, 'shop', 'A', 0.4))
            as given (metric, grain, period_start, dimensions, members, value)""")
    return con


def verdict(con: duckdb.DuckDBPyConnection, context: StageContext) -> CheckResult:
    tested = suite("candidates.indicator_value", critical(PARTS_ADD_UP, why="it is a test"), owner="Tester")
    (result,) = run_stage(con, "indicators", [tested], context=context).checks
    return result


def add(con: duckdb.DuckDBPyConnection, *rows: tuple[str, float]) -> None:
    for member, value in rows:
        values = f"('sales', {MONTH}, 'shop', '{member}', {value})"
        con.execute(f"insert into candidates.indicator_value values {values}")


def test_parts_that_add_up_pass(figures: duckdb.DuckDBPyConnection, context: StageContext) -> None:
    add(figures, ("A", 60), ("B", 40))
    assert verdict(figures, context).verdict == "passed"


def test_parts_that_do_not_add_up_fail(figures: duckdb.DuckDBPyConnection, context: StageContext) -> None:
    add(figures, ("A", 60), ("B", 41))
    found = verdict(figures, context)
    assert (found.verdict, found.unexpected) == ("failed", 1)


def test_a_company_that_publishes_no_sum_by_members_is_not_held_for_it(
    figures: duckdb.DuckDBPyConnection, context: StageContext
) -> None:
    found = verdict(figures, context)
    assert (found.verdict, found.message) == (
        "skipped",
        "skipped: no figure that adds up is published by members",
    )


def test_parts_without_their_total_are_no_reason_to_skip(
    figures: duckdb.DuckDBPyConnection, context: StageContext
) -> None:
    add(figures, ("A", 60))
    figures.execute("delete from candidates.indicator_value where metric = 'sales' and dimensions = ''")
    assert verdict(figures, context).verdict == "failed"
