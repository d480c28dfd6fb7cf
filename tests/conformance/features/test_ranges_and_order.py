"""Time ranges, order, limits, saved queries."""

import pytest

from tests.conformance.features.market import Market

SPAN = {"time_constraint": ["2024-01-31", "2024-02-29"]}


def test_a_range_has_both_its_ends(market: Market) -> None:
    assert market.ask("sales", "metric_time__day", **SPAN) == market.sql("""
        SELECT order_date, sum(amount) FROM market.orders
        WHERE order_date BETWEEN '2024-01-31' AND '2024-02-29' GROUP BY 1""")


def test_a_range_without_a_period_is_of_days(market: Market) -> None:
    assert market.ask("sales refunded", **SPAN) == market.sql("""
        SELECT (SELECT sum(amount) FROM market.orders WHERE order_date BETWEEN '2024-01-31' AND '2024-02-29'),
          (SELECT sum(refund) FROM market.refunds WHERE refund_date BETWEEN '2024-01-31' AND '2024-02-29')""")


def test_a_range_is_widened_to_whole_periods(market: Market) -> None:
    assert market.ask("sales", "metric_time__month", **SPAN) == market.sql("""
        SELECT date_trunc('month', order_date), sum(amount) FROM market.orders
        WHERE order_date >= '2024-01-01' AND order_date < '2024-03-01' GROUP BY 1""")


def test_a_range_is_of_the_shortest_period_asked_for(market: Market) -> None:
    assert market.ask("sales", "metric_time__week metric_time__year", **SPAN) == market.sql("""
        SELECT date_trunc('week', order_date), date_trunc('year', order_date), sum(amount) FROM market.orders
        WHERE order_date >= '2024-01-29' AND order_date < '2024-03-04' GROUP BY 1, 2""")


def test_a_range_and_a_filter_both_hold(market: Market) -> None:
    where = ["{{ TimeDimension('metric_time', 'day') }} > '2024-01-31'", "order__channel = 'web'"]
    assert market.ask("sales", where=where, **SPAN) == market.sql("""
        SELECT sum(amount) FROM market.orders
        WHERE order_date > '2024-01-31' AND order_date <= '2024-02-29' AND channel = 'web'""")


def test_a_range_of_one_day(market: Market) -> None:
    asked = {"time_constraint": ["2024-02-29", "2024-02-29"]}
    assert market.ask("orders", "metric_time__day", **asked) == [("2024-02-29", 3.0)]


def test_an_empty_range_has_no_rows(market: Market) -> None:
    asked = {"time_constraint": ["2024-04-01", "2024-04-14"]}
    assert market.ask("orders", "metric_time__day", **asked) == []
    assert market.ask("orders", **asked) == [(None,)]


# -- order and limit


@pytest.mark.parametrize(
    ("order", "by_hand"),
    [
        (["sales"], "3 NULLS LAST"),
        (["-sales"], "3 DESC NULLS LAST"),
        (["metric_time__month", "-order__channel"], "1 NULLS LAST, 2 DESC NULLS LAST"),
        (["order__channel", "-metric_time__month"], "2 NULLS LAST, 1 DESC NULLS LAST"),
        (["-metric_time", "sales"], "1 DESC NULLS LAST, 3 NULLS LAST"),
        (["-order__channel", "sales"], "2 DESC NULLS LAST, 3 NULLS LAST"),
    ],
)
def test_rows_are_ordered_and_empty_values_come_last(market: Market, order: list[str], by_hand: str) -> None:
    # The key makes the order of equal values the same on both sides.
    rows = market.ask(
        "sales",
        "metric_time__month order__channel",
        order_by=[*order, "metric_time__month", "order__channel"],
    )
    assert rows == market.sql(
        f"""SELECT date_trunc('month', order_date), channel, sum(amount) FROM market.orders GROUP BY 1, 2
        ORDER BY {by_hand}, 1 NULLS LAST, 2 NULLS LAST""",
        ordered=True,
    )


@pytest.mark.parametrize("order", ["-average_order", "-net_sales", "-sales_ever", "-orders_filled"])
def test_by_any_metric(market: Market, order: str) -> None:
    name = order.removeprefix("-")
    rows = market.ask(name, "metric_time__month", order_by=[order, "metric_time__month"])
    unordered = market.ask(name, "metric_time__month")
    assert list(rows) == sorted(unordered, key=lambda row: (row[1] is None, -(row[1] or 0), row[0]))


@pytest.mark.parametrize("limit", [0, 1, 3, 1000])
def test_a_limit_takes_the_first(market: Market, limit: int) -> None:
    asked = {"order_by": ["-sales", "order"]}
    assert (
        market.ask("sales", "order", limit=limit, **asked)
        == list(market.ask("sales", "order", **asked))[:limit]
    )


def test_columns_come_as_asked_for(market: Market) -> None:
    assert market.columns("sales orders", "order__channel metric_time customer__joined_on__year") == [
        "order__channel",
        "metric_time__day",
        "customer__joined_on__year",
        "sales",
        "orders",
    ]


# -- saved queries


def test_a_saved_query_asks_what_it_says(market: Market) -> None:
    assert sorted(market.ask_as({"saved_query": "monthly"})) == market.ask(
        "sales orders", "metric_time__month"
    )


def test_a_saved_query_keeps_its_filter_order_and_limit(market: Market) -> None:
    assert market.ask_as({"saved_query": "best_segments"}) == market.sql(
        """SELECT segment, store_id, sum(amount) FROM market.orders
        LEFT JOIN market.customers USING (customer_id)
        WHERE channel = 'web' GROUP BY 1, 2 ORDER BY 3 DESC NULLS LAST LIMIT 2""",
        ordered=True,
    )


def test_a_saved_query_may_be_limited_and_filtered_further(market: Market) -> None:
    asked = {"saved_query": "best_segments", "limit": 1, "where": ["customer__segment IS NULL"]}
    assert market.ask_as({**asked, "order_by": ["sales"]}) == market.sql("""
        SELECT NULL, store_id, sum(amount) FROM market.orders LEFT JOIN market.customers USING (customer_id)
        WHERE channel = 'web' AND segment IS NULL GROUP BY 2 ORDER BY 3 LIMIT 1""")


def test_a_saved_query_in_a_time_range(market: Market) -> None:
    assert market.ask_as(
        {"saved_query": "monthly", **SPAN, "order_by": ["metric_time__month"]}
    ) == market.ask("sales orders", "metric_time__month", **SPAN)
