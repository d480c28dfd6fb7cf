"""What engines would do differently with the same SQL: constants, division, long names, words of SQL."""

import pytest

from plumbline.compiler import compile, generate
from plumbline.errors import DefinitionError
from tests.conformance.features.market import EXACTLY, LONG, Market


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Beirut"])
def test_days_are_the_same_in_every_zone_of_a_session(market: Market, zone: str) -> None:
    found = market.engine.rows(market.compiled("watts", "metric_time__day"), zone)
    assert sorted(str(row[0])[:10] for row in found) == [
        "2024-03-30",
        "2024-03-31",
        "2024-04-01",
        "2024-04-02",
    ]


@pytest.mark.parametrize(("by", "member"), [("refund__payer", "'us'"), ("refund__copies", "2")])
def test_a_constant_is_a_dimension_with_one_member(market: Market, by: str, member: str) -> None:
    assert market.ask("refunded", by) == market.sql(f"SELECT {member}, sum(refund) FROM market.refunds")
    assert market.ask("refunded", f"{by} store") == market.sql(
        f"SELECT {member}, store_id, sum(refund) FROM market.refunds GROUP BY store_id"
    )
    assert market.ask("", by) == market.sql(f"SELECT {member}")


def test_a_running_total_by_a_constant(market: Market) -> None:
    totals = market.ask("refunded_ever", "metric_time__month")
    assert market.ask("refunded_ever", "metric_time__month refund__payer") == [
        (month, "us", total) for month, total in totals if total is not None
    ]


def test_whole_numbers_are_divided_as_numbers(market: Market) -> None:
    assert market.ask("orders_per_buyer", "metric_time__month") == market.sql("""
        SELECT date_trunc('month', order_date), count(*) / count(DISTINCT customer_id) FROM market.orders
        GROUP BY 1""")


@pytest.mark.parametrize("condition", ["orders / gifts > 1", "orders / (gifts - 1) IS NULL"])
def test_a_condition_on_what_is_divided_by_nothing(market: Market, condition: str) -> None:
    by_hand = condition.replace("gifts - 1", "nullif(gifts - 1, 0)").replace("/ gifts", "/ nullif(gifts, 0)")
    assert market.ask("orders gifts", "metric_time__month", where=[condition]) == market.sql(f"""
        SELECT * FROM (SELECT date_trunc('month', order_date), count(*), count(*) FILTER (is_gift)
          FROM market.orders GROUP BY 1) t(month, orders, gifts) WHERE {by_hand}""")


def test_rows_divided_by_nothing_add_nothing(market: Market) -> None:
    where = ["100 / {{ Dimension('line__quantity_less_1') }} > 20"]
    assert market.ask("price_per_further_item") == market.sql(
        "SELECT sum(price / nullif(quantity - 1, 0)) FROM market.lines"
    )
    assert market.ask("quantity", where=where) == market.sql(
        "SELECT sum(quantity) FROM market.lines WHERE quantity BETWEEN 2 AND 5"
    )


def test_what_is_divided_by_nothing_is_no_number(market: Market) -> None:
    assert market.ask("orders_per_gift", "metric_time__month") == market.sql("""
        SELECT date_trunc('month', order_date), count(*) / nullif(sum(is_gift::INT), 0) FROM market.orders
        GROUP BY 1""")


def test_the_least_and_the_greatest_of_what_holds(market: Market) -> None:
    assert market.ask("some_gift all_gifts sales", "order__channel") == market.sql(
        "SELECT channel, max(is_gift), min(is_gift), sum(amount) FROM market.orders GROUP BY 1"
    )
    assert market.ask("some_gift refunded", "metric_time__month") == market.sql("""
        SELECT month, gift, refunded FROM (
            SELECT date_trunc('month', order_date) AS month, max(is_gift) AS gift
            FROM market.orders GROUP BY 1)
        FULL JOIN (
            SELECT date_trunc('month', refund_date) AS month, sum(refund) AS refunded
            FROM market.refunds GROUP BY 1) USING (month)""")
    assert market.ask("", "order__is_gift", min_max_only=True) == [(False, True)]
    assert market.ask("some_gift_ever", "metric_time__year") == [("2023-01-01", True), ("2024-01-01", True)]
    assert market.ask("some_gift_2_months", "metric_time__month order__channel") == market.sql("""
        SELECT month, channel, max(is_gift) FROM (
            SELECT date_trunc('month', date_day) AS month, max(date_day) AS end FROM market.days GROUP BY 1)
        JOIN market.orders ON order_date <= "end" AND order_date > "end" - INTERVAL 2 MONTH GROUP BY 1, 2""")


def test_what_lies_between_decimals_has_all_its_digits(market: Market) -> None:
    exactly = "quantile_cont(amount::DOUBLE, 0.9)"
    assert market.ask("p90_sale", "order__channel") == market.sql(
        f"SELECT channel, {exactly} FROM market.orders GROUP BY 1"
    )


def test_an_approximate_percentile_is_the_exact_one_for_few_values(market: Market) -> None:
    assert market.ask("about_median_sale") == market.sql(f"SELECT median({EXACTLY}) FROM market.orders")


@pytest.mark.one_engine
def test_rows_below_each_other_are_as_good_as_a_full_join(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("sales refunded net_sales_filled visit_to_order some_gift", "metric_time__month customer")
    joined = market.ask(*asked)
    monkeypatch.setattr(generate, "joins_fully", lambda dialect: False)
    stacked = market.ask(*asked)
    assert "FULL" not in stacked.sql
    assert stacked == joined


@pytest.mark.one_engine
@pytest.mark.parametrize(
    "query",
    [
        {"metrics": ["p90_sale"]},
        {"group_by": ["customer__segment", "customer__region__region_name"]},
    ],
)
def test_mysql_refuses_what_it_cannot(market: Market, query: dict[str, list[str]]) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile(market.manifest, query, "mysql")
    assert caught.value.code == "engine-cannot"


def test_long_names_that_begin_alike_stay_apart(market: Market) -> None:
    assert market.ask("largest_share paid_at_most", "order__channel") == market.sql("""
        SELECT channel, max(amount) / sum(amount), max(amount) FROM market.orders GROUP BY 1""")


@pytest.mark.one_engine
def test_a_column_whose_name_would_be_cut_is_refused(market: Market) -> None:
    query = {"metrics": ["refunded"], "group_by": [f"refund__{LONG}_at"]}
    assert LONG in compile(market.manifest, query, "duckdb")
    with pytest.raises(DefinitionError) as caught:
        compile(market.manifest, query, "postgres")
    assert caught.value.code == "name-too-long"
    assert "63 bytes" in caught.value.why


def test_columns_named_by_words_of_sql(market: Market) -> None:
    assert market.ask("", "country__comment country__end") == market.sql(
        'SELECT comment, "end" FROM market.countries'
    )


def test_conversions_by_whether_something_holds(market: Market) -> None:
    assert market.ask("order_to_refund", "order__is_gift") == market.sql("""
        WITH followed AS (SELECT refund_id, r.customer_id, max(order_date) AS order_date
            FROM market.refunds r JOIN market.orders o
            ON o.customer_id = r.customer_id AND order_date <= refund_date GROUP BY ALL),
          first AS (SELECT customer_id, order_date, min(is_gift) AS gift FROM market.orders GROUP BY ALL)
        SELECT is_gift, any_value(n) / count(*) FROM market.orders LEFT JOIN (
          SELECT gift, count(*) AS n FROM followed JOIN first USING (customer_id, order_date) GROUP BY 1
        ) ON gift IS NOT DISTINCT FROM is_gift GROUP BY 1""")
