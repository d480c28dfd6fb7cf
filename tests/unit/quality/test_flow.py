"""The way of the rows: what landed, what was staged, what was set aside, how much is usual."""

import pytest

from plumbline.quality import (
    arrived,
    readable,
    received,
    reconciled,
    set_aside,
    steady_weeks,
    usual_volume,
)


@pytest.fixture
def flow(con):
    """Two loads of lines, three rows in all, staged without loss."""
    con.execute("create schema landing_run")
    con.execute("create schema quarantine")
    con.execute(
        "create table landing_run.loads (load bigint, system varchar, table_name varchar, mode varchar,"
        " rows bigint, is_current boolean)"
    )
    con.execute(
        "insert into landing_run.loads values"
        " (3, 'erp', 'lines', 'append', 99, false), (4, 'erp', 'lines', 'append', 2, true),"
        " (5, 'erp', 'lines', 'append', 1, true), (6, 'crm', 'lead', 'incremental', 5, true)"
    )
    con.execute(
        "create table landing_run.control_totals (load bigint, system varchar, table_name varchar,"
        " column_name varchar, total decimal(38, 6), not_null bigint, unparsed bigint)"
    )
    con.execute(
        "insert into landing_run.control_totals values (4, 'erp', 'lines', 'Amount', 5.25, 2, 0),"
        " (5, 'erp', 'lines', 'Amount', 2, 1, 0), (3, 'erp', 'lines', 'Amount', 0, 9, 9)"
    )
    con.execute(
        "create table quarantine.reconciliation as"
        " select 'erp' as system, 'lines' as table_name, 3 as landed, 3 as staged,"
        " 0 as duplicates, 0 as superseded, 0 as quarantined"
    )
    con.execute(
        "create table quarantine.rejected_rows (system varchar, table_name varchar, load bigint,"
        " row_number bigint, row_key varchar, reason varchar)"
    )
    return con


def test_all_announced_rows_are_there(judge, flow):
    assert judge(arrived("erp.lines")).verdict == "passed"
    flow.execute("delete from marts.lines where line_id = 3")
    result = judge(arrived("erp.lines"))
    assert (result.verdict, result.unexpected) == ("failed", 1)
    assert result.message.endswith("2 here, 3 in landing_run.loads")


def test_amounts_of_current_loads_are_plain_numbers(judge, flow):
    (rule,) = readable("erp.lines", "Amount")
    assert (judge(rule).verdict, judge(rule).evaluated) == ("passed", 3)
    flow.execute("update landing_run.control_totals set unparsed = 1 where load = 5")
    assert judge(rule).message == "1 of 3 rows break it; total 7.250000"
    assert judge(readable("erp.lines", "Amount", mostly=0.6)[0]).verdict == "passed"


def test_a_load_of_half_or_twice_the_usual_size_is_told(judge, flow):
    flow.execute("update landing_run.loads set rows = 2 where load = 3")
    assert judge(usual_volume("erp.lines")).verdict == "passed"
    flow.execute("update landing_run.loads set rows = 5 where load = 5")
    result = judge(usual_volume("erp.lines"))
    assert result.message == "load 5 has 5 rows, those before 2 in the median"
    assert result.verdict == "failed"


def test_increments_and_first_loads_have_no_usual_size(judge, flow):
    assert judge(usual_volume("crm.lead")).message == "skipped: its loads are increments of any size"
    flow.execute("delete from landing_run.loads where load < 5")
    assert judge(usual_volume("erp.lines")).message == "skipped: the first load has none to compare with"


def test_every_landed_row_is_read_by_staging(judge, flow):
    assert judge(received("erp.lines")).verdict == "passed"
    flow.execute("update quarantine.reconciliation set landed = 2, staged = 2")
    result = judge(received("erp.lines"))
    assert result.message == "1 of 3 rows break it; 3 rows in the loads, 2 read by staging"
    flow.execute("delete from quarantine.reconciliation")
    assert judge(received("erp.lines")).unexpected == 3


def test_landed_is_staged_and_set_aside(judge, flow):
    assert judge(reconciled("erp.lines")).verdict == "passed"
    flow.execute("update quarantine.reconciliation set quarantined = 1")
    result = judge(reconciled("erp.lines"))
    assert result.verdict == "failed"
    assert "3 landed = 3 staged + 0 duplicates + 0 superseded + 1 quarantined" in result.message


def test_a_source_that_nobody_reconciled_is_an_error(judge, flow):
    assert judge(reconciled("crm.lead")).verdict == "error"


def test_too_many_rows_set_aside_are_shown_with_load_row_and_reason(judge, flow):
    assert judge(set_aside("erp.lines", at_most=0.05)).verdict == "passed"
    flow.execute("update quarantine.reconciliation set staged = 2, quarantined = 1")
    flow.execute(
        "insert into quarantine.rejected_rows values ('erp', 'lines', 4, 3, '2', 'Price is not a number')"
    )
    result = judge(set_aside("erp.lines", at_most=0.05))
    assert (result.verdict, result.expected) == ("failed", "at most 5 % of the rows are quarantined")
    assert result.examples == (
        {"load": 4, "row_number": 3, "row_key": "2", "reason": "Price is not a number"},
    )
    assert judge(set_aside("erp.lines", at_most=0.4)).verdict == "passed"


@pytest.fixture
def weeks(con):
    """Nine weeks with seven lines each, up to the last day."""
    con.execute("delete from marts.lines")
    con.execute(
        "insert into marts.lines (sold_on) select date '2026-03-31' - i::integer from range(63) as days (i)"
    )
    return con


def test_a_week_like_those_before_is_steady(judge, weeks):
    assert judge(steady_weeks("sold_on")).verdict == "passed"


def test_a_week_with_a_third_or_thrice_the_rows_is_told(judge, weeks):
    weeks.execute("delete from marts.lines where sold_on > date '2026-03-26'")
    few = judge(steady_weeks("sold_on"))
    assert (few.verdict, few.message) == (
        "failed",
        "2 rows in the last 7 days, 7 in the median of the 8 weeks before",
    )
    weeks.execute("insert into marts.lines (sold_on) select date '2026-03-31' from range(20)")
    assert judge(steady_weeks("sold_on")).verdict == "failed"


def test_a_week_without_any_row_is_told(judge, weeks):
    weeks.execute("delete from marts.lines where sold_on > date '2026-03-24'")
    assert judge(steady_weeks("sold_on")).message.startswith("0 rows in the last 7 days")


def test_rows_after_the_last_day_do_not_count(judge, weeks):
    weeks.execute("insert into marts.lines (sold_on) select date '2026-04-01' from range(50)")
    assert judge(steady_weeks("sold_on")).verdict == "passed"


def test_a_young_table_has_no_usual_week(judge, weeks):
    weeks.execute("delete from marts.lines where sold_on < date '2026-03-10'")
    assert judge(steady_weeks("sold_on")).message == "skipped: fewer than 6 of the 8 weeks before have rows"


def test_times_count_on_their_day(judge, weeks):
    weeks.execute("alter table marts.lines alter sold_on type timestamp using sold_on + interval 23 hour")
    assert judge(steady_weeks("sold_on")).verdict == "passed"
