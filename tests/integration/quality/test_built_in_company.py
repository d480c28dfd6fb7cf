"""The gate over the built-in company: sound data pass, and data that are broken at any stage do not."""

import re
from html.parser import HTMLParser

import pytest

from plumbline.quality.report.wording import expected_in_chinese, found_in_chinese
from plumbline.quality.warm import judging

ABSENT = re.compile(
    r"skipped: (no extract of crm\.call_center|every value is empty|its loads are increments of any size"
    r"|the first load has none to compare with|loads of few rows are too few to tell"
    r"|fewer than .*|no freshness is agreed for .*)"
)

# What is done to the warehouse, the stage that finds it, and a table and words of what is told.
DAMAGE = {
    "a load lost a row": (
        "landing",
        "update landing_run.loads set rows = rows + 1 where table_name = 'sales_order_detail'",
        ("landing_erp.sales_order_detail", "has the rows that its manifests announce"),
    ),
    "amounts are no numbers": (
        "landing",
        "update landing_run.control_totals set unparsed = not_null where column_name = 'LineTotal'",
        ("landing_erp.sales_order_detail", "LineTotal is a plain number for at least 95 % of rows"),
    ),
    "staging changed an amount": (
        "staging",
        "update staging.base_erp__sales_order_header set subtotal = subtotal + 0.0001"
        " where order_id = (select min(order_id) from staging.base_erp__sales_order_header)",
        (
            "staging.base_erp__sales_order_header",
            "the total of subtotal, set aside or not, is the control total of SubTotal",
        ),
    ),
    "staging lost a row": (
        "staging",
        "update quarantine.reconciliation set landed = landed - 1, staged = staged - 1"
        " where table_name = 'lead'",
        ("staging.stg_crm__lead", "staging has read every row that landed"),
    ),
    "too much was set aside": (
        "staging",
        "update quarantine.reconciliation set staged = staged - landed // 10, quarantined = landed // 10"
        " where table_name = 'person'",
        ("staging.stg_crm__person", "at most 5 % of the rows are quarantined"),
    ),
    "a source has stopped": (
        "staging",
        "update landing_run.context set as_of = as_of + 90",
        ("landing_run.loads", "the newest business date of erp is at most 7 days before 2026-06-29"),
    ),
    "a join doubled lines": (
        "marts",
        "insert into marts.order_lines select * from marts.order_lines where order_line_id % 100 = 0",
        ("marts.order_lines", "order_line_id is unique"),
    ),
    "lines were lost": (
        "marts",
        "delete from marts.order_lines where order_line_id % 100 = 0",
        (
            "marts.order_lines",
            "the total of net_amount is that of line_total in staging.stg_erp__sales_order_detail,"
            " for orders up to the day that figures are as of",
        ),
    ),
    "a figure was changed": (
        "marts",
        "update marts.order_lines set gross_profit = gross_profit + 1 where order_line_id % 100 = 0",
        ("marts.order_lines", "gross_profit = net_amount - cost_amount"),
    ),
    "a channel nobody knows": (
        "marts",
        "update marts.orders set channel = 'fax' where order_id % 100 = 0",
        ("marts.orders", "channel is one of online, sales_person"),
    ),
    "lines without their order": (
        "marts",
        "delete from marts.orders where order_id % 100 = 0",
        ("marts.order_lines", "order_id is found in marts.orders.order_id"),
    ),
    "a mart is empty": (
        "marts",
        "delete from marts.tickets",
        ("marts.tickets", "ticket_id is unique"),
    ),
    "a mart is gone": (
        "marts",
        "drop table marts.work_orders",
        ("marts.work_orders", "work_order_id is unique"),
    ),
    "a share above one": (
        "indicators",
        "update candidates.indicator_value set value = 1.2 where metric = 'scrap_rate'",
        ("candidates.indicator_value", "shares lie between 0 and 1"),
    ),
    "a figure that its parts do not give": (
        "indicators",
        "update candidates.indicator_value set value = value / 2 where metric = 'discount_rate'",
        ("candidates.indicator_value", "a ratio is its numerator divided by its denominator"),
    ),
    "a breakdown with a part missing": (
        "indicators",
        "delete from candidates.indicator_value where metric = 'net_sales' and members like '%online%'",
        ("candidates.indicator_value", "the members of a breakdown add up to the total of the period"),
    ),
    "a total that is not the mart's": (
        "indicators",
        "update marts.order_lines set net_amount = net_amount + 1",
        (
            "candidates.indicator_value",
            "the months of net_sales add up to the total of net_amount in marts.order_lines",
        ),
    ),
    "a period in the future": (
        "indicators",
        "update candidates.sales_monthly set month = date '2030-01-01'"
        " where month = (select max(month) from candidates.sales_monthly)",
        ("candidates.sales_monthly", "month is not after 2026-03-31"),
    ),
    "an empty published table": (
        "indicators",
        "delete from candidates.sales_monthly",
        ("candidates.sales_monthly", "has at least 1 row"),
    ),
}


@pytest.mark.parametrize("stage", ["landing", "staging", "marts", "indicators"])
def test_nothing_stops_the_publication_of_sound_data(warehouse, stage):
    result = warehouse.judge(stage)
    assert not result.blocking
    assert not [check for check in result.checks if check.verdict == "error"]
    assert all(check.evaluated > 0 for check in result.checks if check.verdict == "passed")
    skipped = [check for check in result.checks if check.verdict == "skipped"]
    assert [check for check in skipped if not ABSENT.fullmatch(check.message)] == []
    assert len(skipped) < len(result.checks) / 2


@pytest.mark.parametrize("what", DAMAGE)
def test_broken_data_stop_publication_and_are_named(warehouse, what):
    stage, damage, told = DAMAGE[what]
    warehouse.con.execute(damage)
    assert told in warehouse.blocking(stage)


OF_MARTS = [what for what, (stage, *_) in DAMAGE.items() if stage == "marts"]
SOME, OTHERS = OF_MARTS[::4], [what for what in OF_MARTS if what not in OF_MARTS[::4]]


@pytest.mark.parametrize("what", [*SOME, *(pytest.param(what, marks=pytest.mark.long) for what in OTHERS)])
def test_what_was_kept_of_sound_marts_hides_no_damage(warehouse, what, monkeypatch):
    monkeypatch.setattr(judging(), "_WORTH_KEEPING", 0)
    warehouse.judge("marts", kept=True)
    warehouse.con.execute(DAMAGE[what][1])
    told = [
        [(check.table, check.expected, check.verdict, check.evaluated, check.unexpected) for check in found]
        for found in (warehouse.judge("marts", kept=True).checks, warehouse.judge("marts").checks)
    ]
    assert told[0] == told[1]


def test_a_failure_shows_example_rows_whose_it_is_and_what_it_touches(warehouse):
    warehouse.con.execute("update marts.orders set channel = 'fax' where order_id % 100 = 0")
    (check,) = warehouse.judge("marts").blocking
    assert check.expected == "channel is one of online, sales_person"
    assert {example["channel"] for example in check.examples} == {"fax"}
    assert check.owner == "Sales: head of sales"
    assert check.touches == (("marts.orders", "channel"),)


def test_figures_that_break_a_rule_name_their_metric(warehouse):
    warehouse.con.execute("update candidates.indicator_value set value = 3 where metric = 'yield_rate'")
    checks = {check.expected: check for check in warehouse.judge("indicators").blocking}
    assert checks["shares lie between 0 and 1"].metrics == ("yield_rate",)


def test_keys_that_point_nowhere_are_told_and_do_not_stop_publication(warehouse):
    result = warehouse.judge("marts")
    expected = ("marts.orders", "customer_id is found in marts.customers.customer_id")
    (warning,) = [check for check in result.warnings if (check.table, check.expected) == expected]
    assert warning.unexpected > 0
    assert warning.examples


def test_a_source_that_is_not_connected_is_skipped_in_every_stage(warehouse):
    warehouse.con.execute("delete from landing_run.loads where system = 'oa'")
    for stage in ("landing", "staging", "marts"):
        checks = [check for check in warehouse.judge(stage).checks if "approval" in check.table]
        assert checks
        assert {check.verdict for check in checks} == {"skipped"}
        assert all("no extract of oa." in check.message for check in checks)


def test_results_of_all_stages_are_kept(warehouse):
    for stage in ("landing", "staging", "marts", "indicators"):
        warehouse.judge(stage)
    kept = warehouse.con.execute(
        "select stage, count(*) from quality.result where run_id = (select run_id from landing_run.context)"
        " group by stage"
    ).fetchall()
    assert {stage for stage, _ in kept} == {"landing", "staging", "marts", "indicators"}
    assert sum(count for _, count in kept) > 800


def test_the_report_of_the_run_needs_no_network(demo):
    text = (demo.quality / "latest.html").read_text(encoding="utf-8")
    found = []

    class Links(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.extend(value for name, value in attrs if name in ("href", "src", "srcset", "action"))
            assert tag not in ("script", "link", "img", "iframe")

    Links().feed(text)
    assert found
    assert all(link.startswith("#") for link in found)
    assert "Fit to be published" in text
    assert "erp.sales_order_detail" in text


@pytest.mark.parametrize("stage", ["landing", "staging", "marts", "indicators"])
def test_only_conditions_in_sql_have_no_chinese_sentence(warehouse, stage):
    checks = warehouse.judge(stage).checks
    silent = {check.expected for check in checks if not expected_in_chinese(check.expected)}
    assert [text for text in silent if not re.search(r"[<>=]| between .* and ", text)] == []
    assert {check.message for check in checks if not found_in_chinese(check.message)} == set()
