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
        {"by": ("metric_time__quarter",)},
        {"by": ("metric_time__month", "product__category")},
        {"by": ()},
        {"where": ("product__category = 'Bikes'",)},
        {"compare": "previous"},
    ],
)
def test_anything_else_is_calculated(read_from, asked):
    assert read_from("net_sales", **asked) == ""


def test_another_metric_is_calculated(read_from):
    assert read_from("average_order_value") == ""


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
