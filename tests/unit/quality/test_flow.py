"""The way of the rows: what landed, what was staged, what was set aside, how much is usual."""

from dataclasses import replace

import pytest

from plumbline.quality import (
    arrived,
    has_not_stopped,
    is_on_time,
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
        " rows bigint, is_current boolean, extract_rows bigint)"
    )
    con.execute(
        "insert into landing_run.loads values"
        " (3, 'erp', 'lines', 'append', 99, false, 99), (4, 'erp', 'lines', 'append', 2, true, 2),"
        " (5, 'erp', 'lines', 'append', 1, true, 1), (6, 'crm', 'lead', 'incremental', 5, true, 5)"
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
    flow.execute("update landing_run.loads set extract_rows = 20")
    assert judge(usual_volume("erp.lines")).verdict == "passed"
    flow.execute("update landing_run.loads set extract_rows = 50 where load = 5")
    result = judge(usual_volume("erp.lines"))
    assert result.message == "load 5 has 50 rows, those before 20 in the median"
    assert result.verdict == "failed"


def test_increments_and_first_loads_have_no_usual_size(judge, flow):
    assert judge(usual_volume("crm.lead")).message == "skipped: its loads are increments of any size"
    flow.execute("delete from landing_run.loads where load < 4")
    assert judge(usual_volume("erp.lines")).message == "skipped: loads of few rows are too few to tell"
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
    """Nine weeks with ten lines a day, up to the last day."""
    con.execute("delete from marts.lines")
    con.execute(
        "insert into marts.lines (line_id, sold_on)"
        " select i, date '2026-03-31' - (i // 10)::integer from range(630) as made (i)"
    )
    return con


def test_a_week_like_those_before_is_steady(judge, weeks):
    assert judge(steady_weeks("sold_on")).verdict == "passed"


def test_a_week_with_a_third_or_thrice_the_rows_is_told(judge, weeks):
    weeks.execute("delete from marts.lines where sold_on > date '2026-03-26'")
    few = judge(steady_weeks("sold_on"))
    assert (few.verdict, few.message) == (
        "failed",
        "20 rows in the last 7 days, 70 in the median of the 8 weeks before",
    )
    weeks.execute("insert into marts.lines (sold_on) select date '2026-03-31' from range(200)")
    assert judge(steady_weeks("sold_on")).verdict == "failed"


def test_a_week_without_any_row_is_told(judge, weeks):
    weeks.execute("delete from marts.lines where sold_on > date '2026-03-24'")
    assert judge(steady_weeks("sold_on")).message.startswith("0 rows in the last 7 days")


def test_rows_after_the_last_day_do_not_count(judge, weeks):
    weeks.execute("insert into marts.lines (sold_on) select date '2026-04-01' from range(500)")
    assert judge(steady_weeks("sold_on")).verdict == "passed"


def test_a_young_table_has_no_usual_week(judge, weeks):
    weeks.execute("delete from marts.lines where sold_on < date '2026-03-10'")
    assert judge(steady_weeks("sold_on")).message == "skipped: fewer than 6 of the 8 weeks before have rows"


def test_few_rows_a_week_are_too_few_to_tell(judge, weeks):
    weeks.execute("delete from marts.lines where line_id % 10 > 0")
    assert judge(steady_weeks("sold_on")).message == "skipped: fewer than 20 rows a week are too few to tell"


@pytest.fixture
def source(weeks):
    weeks.execute("create schema staging")
    weeks.execute("create view staging.stg_erp__lines as select sold_on from marts.lines")
    weeks.execute(
        "create view staging.stg_erp__orders as select sold_on as ordered_on from marts.lines where false"
    )
    return weeks


def test_a_source_is_as_young_as_the_newest_date_of_its_tables(judge, source):
    on_time = is_on_time("erp", lines="sold_on", orders="ordered_on")
    stopped = has_not_stopped("erp", lines="sold_on", orders="ordered_on")
    assert judge(on_time).verdict == judge(stopped).verdict == "passed"
    source.execute("delete from marts.lines where sold_on > date '2026-03-27'")
    late = judge(on_time)
    assert late.verdict == "failed"
    assert late.message == "the newest is of 2026-03-27, and the longest time without any was 1 days"
    assert judge(stopped).verdict == "passed"
    source.execute("delete from marts.lines where sold_on > date '2026-03-20'")
    assert judge(stopped).verdict == "failed"


def test_a_source_that_was_as_silent_before_has_not_stopped(judge, source):
    source.execute("delete from marts.lines where sold_on > date '2026-03-20'")
    source.execute("delete from marts.lines where sold_on between date '2026-03-01' and date '2026-03-15'")
    assert judge(has_not_stopped("erp", lines="sold_on")).verdict == "passed"
    assert judge(is_on_time("erp", lines="sold_on")).verdict == "failed"


def test_a_source_without_any_date_fails_and_without_agreement_or_extract_is_skipped(judge, source, context):
    assert judge(has_not_stopped("erp", orders="ordered_on")).verdict == "skipped"
    connected = replace(context, connected=frozenset({"erp.orders"}))
    assert judge(has_not_stopped("erp", orders="ordered_on"), context=connected).verdict == "failed"
    assert judge(is_on_time("crm", lead="created_on")).message == "skipped: no freshness is agreed for crm"


def test_times_count_on_their_day(judge, weeks):
    weeks.execute("alter table marts.lines alter sold_on type timestamp using sold_on + interval 23 hour")
    assert judge(steady_weeks("sold_on")).verdict == "passed"
