"""A past figure that changes is recorded, or keeps its old value until somebody approves it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from plumbline.gate import Approval, Previous, Restatement, doubts, hold, restate
from plumbline.gate.approve import awaiting, digest_of
from plumbline.governance.trust import Restating, Settling
from plumbline.publication import RunFacts, current_publication, publish
from tests.unit.definitions import shop
from tests.unit.gate.conftest import MART_COLUMNS, NEXT_DAY, ByHand, Company, failed, kept_after

FIRST = date(2025, 3, 9)
AS_OF = date(2025, 3, 10)
STRICT = Restating(("process",), Settling(settled_after_days=20))
LAX = Restating(())
LOADS = """
CREATE SCHEMA landing_run;
CREATE TABLE landing_run.loads (
    load BIGINT, system VARCHAR, table_name VARCHAR, source VARCHAR, mode VARCHAR, sha256 VARCHAR,
    rows BIGINT, is_current BOOLEAN, as_of DATE, landed_at TIMESTAMP, extract_rows BIGINT
)"""
JANUARY = """
SELECT value, verdict, reason, held_since, last_good FROM published.indicator_value
WHERE metric = '{}' AND grain = 'month' AND dimensions = '' AND period_start = DATE '2025-01-01'"""


class Days:
    """Publishes day after day, as a run does."""

    def __init__(self, company: Company) -> None:
        self.company, self.con = company, company.con

    def publish(
        self,
        restating=STRICT,
        approvals=(),
        checks=(),
        as_of=AS_OF,
        now=NEXT_DAY,
        by="wang",
        has_new_code=False,
    ):
        company = self.company
        company.build(as_of=as_of)
        current = current_publication(company.home)
        previous = Previous(current.path, current.publication_id) if current else None
        spoiled = doubts(checks, ByHand(), MART_COLUMNS)
        decision = company.decide(*checks)
        holding = hold(
            self.con, company.definitions, decision, doubtful=spoiled, previous=previous, as_of=as_of, now=now
        )
        number = current.generation + 1 if current else 1
        told = Restatement(f"shop-{number:06d}", by, as_of, now, previous, has_new_code)
        found = restate(
            self.con,
            company.definitions,
            restating,
            told,
            approvals=approvals,
            others=lambda _, found_by: f"not {found_by}",
        )
        publish(
            self.con,
            company.home,
            run=RunFacts(
                "shop",
                "run",
                as_of,
                verdict="partly_held" if holding.holds or found.awaiting else "certified",
            ),
            manifest=company.build.home.semantic_manifest,
        )
        return found

    def january(self, metric="sales"):
        (row,) = self.company.published(JANUARY.format(metric))
        return row

    def restatements(self, more="true"):
        return self.company.published(
            "SELECT metric, grain, old_value, new_value, state, cause, reason FROM published.restatement"
            f" WHERE dimensions = '' AND period_start = DATE '2025-01-01' AND {more} ORDER BY ALL"
        )

    def approve(self, metric, by="Li Na"):
        rows = self.awaiting()[metric]
        return Approval(metric, digest_of(rows), "the invoice was wrong", by, NEXT_DAY, 7)

    def awaiting(self):
        import duckdb

        with duckdb.connect(str(self.company.home.current.resolve()), read_only=True) as con:
            return awaiting(con, "published.restatement")

    def land(self, number):
        """Land an extract, after what has been published."""
        if number == 1:
            self.con.execute(LOADS)
        self.con.execute(
            "INSERT INTO landing_run.loads VALUES (?, 'erp', 'orders', 'orders.csv', 'append', 'abc', 4,"
            " true, ?, ?, 4)",
            [number, AS_OF, datetime.now(UTC).replace(tzinfo=None)],
        )

    def rewrite(self, amount=5000):
        """Change an order of January 2025."""
        self.con.execute(f"UPDATE marts.orders SET amount = {amount} WHERE order_id = {self.order()}")

    def amount(self):
        found = self.con.execute(f"SELECT amount FROM marts.orders WHERE order_id = {self.order()}")
        return found.fetchall()[0][0]

    def order(self):
        (row,) = self.con.execute(
            "SELECT min(order_id) FROM marts.orders WHERE date_trunc('month', order_date) = DATE '2025-01-01'"
        ).fetchall()
        return row[0]


@pytest.fixture(scope="session")
def first_publication(tmp_path_factory):
    return kept_after(lambda company: Days(company).publish(as_of=FIRST), tmp_path_factory.mktemp("shop"))


@pytest.fixture
def days(company: Company, first_publication):
    return Days(company.resume(first_publication))


def test_a_day_on_which_nothing_past_changes_restates_nothing(days):
    assert days.publish().counts == {}
    assert days.company.published("SELECT count(*) FROM published.restatement") == [(0,)]


def test_the_first_publication_restates_nothing(company: Company):
    assert Days(company).publish().counts == {}


def test_a_rewritten_past_is_recorded_where_nobody_has_to_approve_it(days):
    before = days.january()[0]
    days.rewrite()
    found = days.publish(LAX)
    assert set(found.counts) == {"recorded"}
    now = days.january()[0]
    assert now > before
    (row,) = days.restatements("metric = 'sales' AND grain = 'month'")
    assert row[2:] == (
        before,
        now,
        "recorded",
        "late or corrected rows",
        "nobody has to approve it",
    )


def test_a_rewritten_past_that_has_to_be_approved_keeps_its_old_value_and_says_so(days):
    before = days.january()[0]
    days.rewrite()
    found = days.publish()
    value, verdict, reason, since, last_good = days.january()
    assert (value, verdict, since, last_good) == (before, "held", NEXT_DAY, "shop-000001")
    assert reason.startswith("restated from ")
    assert reason.endswith("(late or corrected rows): awaits approval by not ['wang']")
    assert {each["metric"] for each in found.awaiting} >= {"sales", "margin", "profit"}


def test_other_figures_of_the_day_are_published(days):
    days.rewrite()
    days.con.execute("INSERT INTO marts.orders VALUES (99, DATE '2025-03-10', 1, 1, 70, 5, 5)")
    march = JANUARY.format("sales").replace("2025-01", "2025-03")
    ((before, *_),) = days.company.published(march)
    days.publish()
    assert days.company.published(march) == [(before + 70, "certified", None, None, None)]


def test_wide_tables_keep_the_row_that_waits_and_show_the_others(days):
    wide = "SELECT month, sales, orders, sales__verdict, orders__verdict FROM published.sales_monthly"
    before = {row[0]: row for row in days.company.published(wide)}
    days.rewrite()
    days.con.execute("INSERT INTO marts.orders VALUES (99, DATE '2025-03-10', 1, 1, 70, 5, 5)")
    days.publish()
    after = {row[0]: row for row in days.company.published(wide)}
    in_2025 = {day.month: day for day in after if day.year == 2025}
    january, march = in_2025[1], in_2025[3]
    assert after[january] == (*before[january][:3], "held", "certified")
    assert after[march][1] == before[march][1] + 70
    assert after[march][3] == "certified"


def test_members_are_held_one_by_one(days):
    days.rewrite()
    days.con.execute("INSERT INTO marts.products VALUES (77, 'Toys')")
    days.con.execute("INSERT INTO marts.orders VALUES (98, DATE '2025-01-20', 1, 77, 70, 5, 5)")
    days.publish()
    rows = days.company.published(
        "SELECT members, verdict FROM published.indicator_value WHERE metric = 'sales' AND grain = 'month'"
        " AND dimensions = 'product__category' AND period_start = DATE '2025-01-01' ORDER BY ALL"
    )
    assert {verdict for _, verdict in rows} == {"held", "certified"}
    wide = days.company.published(
        "SELECT product_category, sales__verdict FROM published.sales_by_category_monthly"
        " WHERE month = DATE '2025-01-01'"
    )
    assert sorted(verdict for _, verdict in wide) == sorted(verdict for _, verdict in rows)


def test_after_the_approval_the_new_value_is_published_with_who_and_why(days):
    days.rewrite()
    days.publish()
    given = [days.approve(metric) for metric in days.awaiting()]
    found = days.publish(approvals=given, now=datetime(2025, 3, 12, 6))
    assert found.awaiting == ()
    assert found.approvals == (7,)
    value, verdict, *_ = days.january()
    assert verdict == "certified"
    (row,) = days.company.published(
        "SELECT new_value, state, reason, approved_by, restated_by, publication_id FROM published.restatement"
        " WHERE metric = 'sales' AND grain = 'month' AND dimensions = '' AND period_start = DATE '2025-01-01'"
    )
    assert row == (value, "approved", "the invoice was wrong", "Li Na", "wang", "shop-000003")


def test_an_approval_is_for_the_metric_it_names(days):
    days.rewrite()
    days.publish()
    days.publish(approvals=[days.approve("sales")])
    assert days.january("sales")[1] == "certified"
    assert days.january("margin")[1] == "held"


def test_an_approval_does_not_cover_another_value(days):
    days.rewrite()
    days.publish()
    given = [days.approve("sales")]
    days.rewrite(9000)
    assert days.publish(approvals=given).approvals == ()
    assert days.january()[1] == "held"


def test_a_change_that_goes_on_waiting_keeps_its_day_and_its_last_good_publication(days):
    before = days.january()[0]
    days.rewrite()
    days.publish()
    days.publish(now=datetime(2025, 3, 12, 6))
    days.publish(now=datetime(2025, 3, 13, 6))
    value, verdict, _, since, last_good = days.january()
    assert (value, verdict, since, last_good) == (before, "held", NEXT_DAY, "shop-000001")
    assert len(days.restatements("metric = 'sales' AND grain = 'month'")) == 1


def test_a_change_that_goes_on_waiting_keeps_its_cause(days):
    days.land(1)
    days.rewrite()
    days.publish()
    days.publish(now=datetime(2025, 3, 12, 6))
    assert days.january()[2].startswith("restated from")
    assert {row[5] for row in days.restatements()} == {"late or corrected rows"}


def test_what_changed_behind_a_hold_is_told_when_the_hold_ends(days):
    days.land(1)
    days.rewrite()
    days.publish(checks=[failed(column="amount")])
    days.publish(LAX)
    assert {row[5] for row in days.restatements("metric = 'sales'")} == {"late or corrected rows"}


def test_changed_code_is_named_also_on_a_day_with_new_rows(days):
    days.land(1)
    days.publish()
    days.rewrite()
    days.publish(has_new_code=True)
    assert {row[5] for row in days.restatements()} == {"models, definitions or targets changed"}
    days.land(2)
    days.publish(has_new_code=True)
    assert {row[5] for row in days.restatements()} == {
        "late or corrected rows, or changed models, definitions or targets"
    }


def test_who_found_it_is_kept_whoever_runs_it_again(days):
    days.rewrite()
    days.publish()
    days.publish(now=datetime(2025, 3, 12, 6), by="li")
    assert days.january()[2].endswith("awaits approval by not ['wang']")
    assert days.company.published("SELECT DISTINCT restated_by FROM published.restatement") == [("wang",)]


def test_a_past_that_is_as_it_was_again_waits_for_nothing(days):
    before, old = days.january()[0], days.amount()
    days.rewrite()
    days.publish()
    days.rewrite(old)
    assert days.publish().awaiting == ()
    assert days.january()[:2] == (before, "certified")


def test_history_goes_from_publication_to_publication(days):
    days.rewrite()
    days.publish(LAX)
    days.rewrite(7000)
    days.publish(LAX)
    assert len(days.restatements("metric = 'sales' AND grain = 'month'")) == 2


def test_a_change_within_the_tolerance_is_no_restatement(days):
    days.rewrite(days.amount() * Decimal("1.0005"))
    days.publish()
    assert days.restatements("metric = 'sales'") == []


def test_small_changes_and_unsettled_ones_are_recorded(days):
    days.rewrite()
    unsettled = Restating(("process",), Settling(settled_after_days=400))
    assert set(days.publish(unsettled).counts) == {"recorded"}
    (row,) = days.restatements("metric = 'sales' AND grain = 'month'")
    assert row[-1] == "figures settle until 400 days after their period"


@pytest.mark.parametrize(("days_to_settle", "state"), [(37, "recorded"), (36, "awaits approval")])
def test_a_month_is_settled_on_the_day_after_it_may_still_move(days, days_to_settle, state):
    days.rewrite()
    days.publish(Restating(("process",), Settling(settled_after_days=days_to_settle)))
    (row,) = days.restatements("metric = 'sales' AND grain = 'month'")
    assert row[4] == state


def test_a_metric_can_have_a_rule_of_its_own(days):
    days.rewrite()
    own = Restating(("process",), STRICT.usual, {"sales": Settling(settled_after_days=400)})
    found = days.publish(own)
    assert "sales" not in {each["metric"] for each in found.awaiting}
    assert days.january()[1] == "certified"


def test_a_figure_that_is_gone_stays_until_its_going_is_approved(days):
    before = days.january()[0]
    days.con.execute("DELETE FROM marts.orders WHERE date_trunc('month', order_date) = DATE '2025-01-01'")
    days.publish()
    value, verdict, reason, *_ = days.january()
    assert (value, verdict) == (before, "held")
    assert " to nothing " in reason
    wide = "SELECT sales, sales__verdict FROM published.sales_monthly WHERE month = DATE '2025-01-01'"
    ((sales, told),) = days.company.published(wide)
    assert (sales, told) == (before, "held")


def test_a_figure_that_comes_back_from_nothing_waits_for_an_approval_too(days):
    before = days.january()[0]
    in_january = "date_trunc('month', order_date) = DATE '2025-01-01'"
    days.con.execute(f"CREATE TABLE kept AS FROM marts.orders WHERE {in_january}")
    days.con.execute(f"DELETE FROM marts.orders WHERE {in_january}")
    days.publish()
    days.publish(approvals=[days.approve(metric) for metric in days.awaiting()])
    figure = JANUARY.format("sales")
    assert days.company.published(figure) == []
    days.con.execute("INSERT INTO marts.orders SELECT * REPLACE (amount * 2 AS amount) FROM kept")
    for day in (12, 13):
        days.publish(now=datetime(2025, 3, day, 6))
        assert days.company.published(figure) == []
        wide = "SELECT sales, sales__verdict FROM published.sales_monthly WHERE month = DATE '2025-01-01'"
        assert days.company.published(wide) == [(None, "held")]
        waiting = "SELECT old_value, new_value, reason, waits_since, last_good FROM published.restatement"
        (row,) = days.company.published(
            f"{waiting} WHERE metric = 'sales' AND grain = 'month' AND dimensions = ''"
            " AND state = 'awaits approval'"
        )
        assert row[0] is None
        assert row[1] > before
        assert row[2].startswith("restated from nothing to ")
        assert row[3:] == (datetime(2025, 3, 12, 6), "shop-000003")
    days.publish(approvals=[days.approve(metric) for metric in days.awaiting()])
    value, verdict, *_ = days.january()
    assert value > before
    assert verdict == "certified"
    assert days.publish().counts == {}


def without_split():
    """The shop that no longer publishes sales by category."""
    content = shop.manifest()
    content["saved_queries"] = [
        saved for saved in content["saved_queries"] if saved["name"] != "sales_by_category_monthly"
    ]
    return content


def without_metric():
    """The shop that no longer publishes the order value."""
    content = shop.manifest()
    content["metrics"] = [each for each in content["metrics"] if each["name"] != "order_value"]
    for saved in content["saved_queries"]:
        asked = saved["query_params"]
        asked["metrics"] = [name for name in asked["metrics"] if name != "order_value"]
    return content


WITHOUT = {"sales": without_split, "order_value": without_metric}
WIDE = {
    "sales": "SELECT month, sales, sales__verdict FROM published.sales_by_category_monthly",
    "order_value": "SELECT month, order_value, order_value__verdict FROM published.sales_monthly",
}


def long_of(metric):
    split = "product__category" if metric == "sales" else ""
    return (
        "SELECT grain, period_start, members, value, unit, verdict, last_good FROM published.indicator_value"
        f" WHERE metric = '{metric}' AND dimensions = '{split}' AND grain = 'month' ORDER BY ALL"
    )


def told_of(metric):
    split = "product__category" if metric == "sales" else ""
    return (
        "SELECT period_start, members, old_value, new_value, state, level, publication_id, last_good"
        f" FROM published.restatement WHERE metric = '{metric}' AND dimensions = '{split}'"
        " AND grain = 'month' ORDER BY ALL"
    )


@pytest.fixture(params=WITHOUT)
def withdrawn(request, days):
    """A metric that has not been published by all splits for two days, and what it was before."""
    metric, path = request.param, days.company.build.home.semantic_manifest
    before = days.company.published(long_of(metric))
    shop.write(path, WITHOUT[metric]())
    found = days.publish()
    assert found.awaiting == ()
    assert metric in {each["metric"] for each in found.body["metrics"]}
    assert found.counts.keys() == {"withdrawn"}
    days.publish(now=datetime(2025, 3, 11, 18))
    assert days.company.published(long_of(metric)) == []
    shop.write(path)
    return metric, before


def test_what_is_no_longer_published_is_recorded_once_with_its_last_value(days, withdrawn):
    metric, before = withdrawn
    past = [row for row in before if row[1] < date(2025, 3, 1)]
    assert days.company.published(told_of(metric)) == [
        (start, members, value, None, "withdrawn", "process", "shop-000002", "shop-000001")
        for _, start, members, value, *_ in past
    ]
    assert "shop-000001" not in current_publication(days.company.home).last_good


def test_what_is_published_again_as_it_was_restates_nothing(days, withdrawn):
    metric, before = withdrawn
    assert days.publish().counts == {}
    assert days.company.published(long_of(metric)) == before


def test_what_is_published_again_with_other_values_waits_for_an_approval(days, withdrawn):
    metric, before = withdrawn
    days.con.execute("UPDATE marts.orders SET amount = amount * 3")
    for day in (12, 13):
        days.publish(now=datetime(2025, 3, day, 6))
        rows = days.company.published(long_of(metric))
        held = [row for row in rows if row[5] == "held"]
        # February is not settled yet: its change is recorded.
        changed = [row[:5] for row in before if row[1] < date(2025, 2, 1) and row[3]]
        assert [row[:5] for row in held] == changed
        assert {row[6] for row in held} == {"shop-000001"}
        wide = [row for row in days.company.published(WIDE[metric]) if row[-1] == "held"]
        assert sorted(row[-2] for row in wide) == sorted(row[3] for row in held)
        assert "shop-000001" in current_publication(days.company.home).last_good
    days.publish(approvals=[days.approve(name) for name in days.awaiting()])
    rows = days.company.published(long_of(metric))
    assert [row[3] for row in rows] == [row[3] * 3 for row in before]
    assert {row[5] for row in rows} == {"certified"}
    assert days.publish().counts == {}


def test_a_period_that_does_not_come_back_with_its_metric_waits_too(days, withdrawn):
    metric, before = withdrawn
    days.con.execute("DELETE FROM marts.orders WHERE date_trunc('month', order_date) = DATE '2025-01-01'")
    days.publish()
    (row, *_) = [row for row in days.company.published(long_of(metric)) if row[1] == date(2025, 1, 1)]
    assert row[3:6] == (next(each for each in before if each[1] == date(2025, 1, 1))[3], row[4], "held")


def test_what_a_failed_check_holds_is_not_compared(days):
    days.rewrite()
    found = days.publish(checks=[failed(column="amount")])
    assert "sales" not in {each["metric"] for each in found.awaiting}
    assert days.january()[2].startswith("marts.orders: amount")


def test_the_past_cannot_be_rewritten_behind_a_hold(days):
    before = days.january()[0]
    days.rewrite()
    days.publish(checks=[failed(column="amount")])
    days.publish(now=datetime(2025, 3, 12, 6))
    value, verdict, reason, since, last_good = days.january()
    assert (value, verdict, since, last_good) == (before, "held", datetime(2025, 3, 12, 6), "shop-000001")
    assert reason.startswith("restated from")


def test_a_day_further_back_restates_nothing_that_it_does_not_show(days):
    assert days.publish(as_of=date(2025, 2, 10)).counts == {}


def test_the_record_for_the_ledger_counts_and_digests(days):
    days.rewrite()
    body = days.publish().body
    assert body["publication_id"] == "shop-000002"
    assert body["counts"]["awaits approval"] == sum(
        each["figures"] for each in body["metrics"] if each["state"] == "awaits approval"
    )
    assert len(body["digest"]) == 64
    assert body["strategic"] == []
