"""Which questions a published table answers, and which are calculated from the marts."""

import pytest

from plumbline.serving import Question, ask, open_generation


@pytest.fixture
def read_from(shop):
    shop.change("""
        CREATE OR REPLACE TABLE candidates.sales_monthly AS
        SELECT date_trunc('month', order_date)::DATE AS month, sum(net_amount) AS net_sales,
            count(DISTINCT order_id) AS orders
        FROM marts.order_lines GROUP BY 1""")
    shop.publish()

    def table(*metrics, by=("metric_time__month",), **asked):
        with open_generation(shop.home, sealed=True) as source:
            answer = ask(shop.home, source, Question(metrics, by, **asked))
            answer.rows()
            return answer.published_table

    return table


def test_a_table_that_answers_gives_an_arrow_table(shop, read_from):
    assert read_from("net_sales") == "sales_monthly"
    with open_generation(shop.home, sealed=True) as source:
        answer = ask(shop.home, source, Question(("net_sales",), ("metric_time__month",)))
        assert answer.published_table == "sales_monthly"
        assert answer.arrow().num_rows == len(answer.rows())


def test_the_same_split_is_read_from_the_table(read_from):
    assert read_from("net_sales") == "sales_monthly"
    assert read_from("net_sales", "orders") == "sales_monthly"


def test_whole_periods_are_read_from_the_table(read_from):
    assert read_from("net_sales", start="2025-02", end="2026-01") == "sales_monthly"


@pytest.mark.parametrize(
    "asked",
    [
        {"start": "2025-01-05"},
        {"end": "2026-12"},
        {"by": ("metric_time__day",)},
        {"by": ("metric_time__week",)},
        {"by": ("metric_time__month", "metric_time__year")},
        {"by": ("metric_time__month", "product__category")},
        {"by": (), "start": "2025-01-05"},
        {"where": ("product__category = 'Bikes'",)},
        {"compare": "previous"},
    ],
)
def test_anything_else_is_calculated(read_from, asked):
    assert read_from("net_sales", **asked) == ""


def test_another_metric_is_calculated(read_from):
    assert read_from("sales_so_far") == ""


def test_a_ratio_is_that_of_sums_in_the_table(shop, read_from):
    assert read_from("average_order_value", by=()) == "sales_monthly"
    with open_generation(shop.home, sealed=True) as source:
        found = ask(shop.home, source, Question(("average_order_value",), start="2025", end="2026-01"))
        assert found.rows() == shop.sql("""
            SELECT sum(net_amount)::DOUBLE / count(DISTINCT order_id) FROM marts.order_lines
            WHERE order_date < '2026-02-01'""")


def test_a_table_with_rows_of_other_metrics_only_is_not_read(shop, read_from):
    shop.change("INSERT INTO candidates.sales_monthly VALUES (DATE '2025-03-01', NULL, 7)")
    shop.publish()
    assert read_from("net_sales") == ""
    assert read_from("orders", "net_sales") == "sales_monthly"


def test_rows_after_the_as_of_date_are_calculated(shop, read_from):
    shop.change("INSERT INTO marts.orders VALUES (9, '2027-01-05', 'online')")
    shop.publish()
    assert read_from("orders") == ""
    assert read_from("orders", end="2026-01") == "sales_monthly"


QUARTERS = {
    "by": ("metric_time__quarter",),
    "start": "2025-02",
    "end": "2026-01",
}


def test_months_make_quarters_and_a_whole(shop, read_from):
    assert read_from("net_sales", by=("metric_time__quarter",)) == "sales_monthly"
    assert read_from("net_sales", **QUARTERS) == "sales_monthly"
    assert read_from("net_sales", by=()) == "sales_monthly"
    with open_generation(shop.home, sealed=True) as source:
        found = ask(shop.home, source, Question(("net_sales",), **QUARTERS))
        assert found.adds_up
        assert [row[:2] for row in found.rows()] == shop.sql("""
            SELECT date_trunc('quarter', order_date)::DATE, sum(net_amount) FROM marts.order_lines
            WHERE order_date >= '2025-02-01' AND order_date < '2026-02-01' GROUP BY 1 ORDER BY 1""")


@pytest.mark.parametrize("metric", ["sales_so_far", "sales_this_year"])
def test_what_is_no_sum_is_not_added_up(read_from, metric):
    assert read_from(metric, by=("metric_time__year",)) == ""


def test_nothing_is_added_up_of_a_table_with_rows_of_other_metrics_only(shop, read_from):
    shop.change("INSERT INTO candidates.sales_monthly VALUES (DATE '2025-03-01', NULL, 7)")
    shop.publish()
    assert read_from("net_sales", by=()) == ""


def test_fractions_are_not_added_up(shop, read_from):
    """The sum of floating-point numbers depends on their order."""
    shop.change("ALTER TABLE candidates.sales_monthly ALTER net_sales TYPE DOUBLE")
    shop.publish()
    assert read_from("net_sales") == "sales_monthly"
    assert read_from("net_sales", by=()) == ""


def test_a_total_of_no_months_is_that_of_no_rows(shop, read_from):
    nothing = Question(("net_sales",), start="2019", end="2019")
    with open_generation(shop.home, sealed=True) as source:
        found = ask(shop.home, source, nothing)
        assert (found.published_table, found.rows()) == ("sales_monthly", [(None,)])
