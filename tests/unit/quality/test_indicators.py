"""Rules on indicator candidates: totals against marts, and the wide tables that there are."""

import pytest

from plumbline.quality import candidate_tables, metric_totals


@pytest.fixture
def candidates(con):
    con.execute("create schema candidates")
    con.execute(
        "create table candidates.indicator as from (values"
        " ('sales', true, null), ('units', true, null), ('leads', false, 'no extract of crm.lead'))"
        " as metrics (name, available, unavailable_reason)"
    )
    con.execute(
        "create table candidates.indicator_value as select * from (values"
        " ('sales', 'month', '', 7.25), ('units', 'month', '', 3), ('units', 'month', '', 4),"
        " ('units', 'month', 'channel', 99), ('units', 'year', '', 99))"
        " as given (metric, grain, dimensions, value)"
    )
    con.execute(
        "create table candidates.sales_monthly as"
        " select date '2026-03-01' as month, 'a' as channel, 1 as sales"
    )
    con.execute("create table candidates.leads_by_channel as select 'a' as channel, 1 as leads")
    con.execute("create table candidates.totals as select 1 as sales, 2 as units")
    return con


def test_the_months_of_a_metric_add_up_to_its_mart(judge, candidates):
    sales, units = metric_totals("marts.lines", sales="amount", units="quantity")
    table = "candidates.indicator_value"
    assert judge(sales, table=table).verdict == judge(units, table=table).verdict == "passed"
    candidates.execute("update marts.lines set quantity = 5 where line_id = 3")
    result = judge(units, table=table)
    assert (result.verdict, result.message) == ("failed", "7 here, 8 in marts.lines: a difference of -1")
    assert result.expected == "the months of units add up to the total of quantity in marts.lines"


def test_wide_tables_have_the_columns_that_are_no_metrics_as_their_key(candidates):
    leads, sales, totals = candidate_tables(candidates)
    assert (sales.name, sales.key, sales.days, sales.absent) == (
        "candidates.sales_monthly",
        ("month", "channel"),
        ("month",),
        "",
    )
    assert (leads.key, leads.absent) == (("channel",), "no extract of crm.lead")
    assert (totals.key, totals.absent) == ((), "")
