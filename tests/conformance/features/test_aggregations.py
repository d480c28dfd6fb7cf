"""Every aggregation: over rows with blanks, by group, and over no rows at all."""

import pytest

from tests.conformance.features.market import EXACTLY, Market

BY_HAND = {
    "orders": "count(*)",
    "sales": "sum(amount)",
    "smallest_sale": "min(amount)",
    "largest_sale": "max(amount)",
    "average_sale": "sum(amount) / count(amount)",
    "median_sale": f"median({EXACTLY})",
    "p75_sale": f"quantile_cont({EXACTLY}, 0.75)",
    "p25_sale": "quantile_disc(amount, 0.25)",
    "buyers": "count(DISTINCT customer_id)",
    "gifts": "count(*) FILTER (is_gift)",
    "noted": "count(note)",
    "total_weight": "sum(weight)",
}
EVERY = " ".join(BY_HAND)
NOTHING = "{{ Dimension('order__channel') }} = 'fax'"


@pytest.mark.parametrize("metric", BY_HAND)
def test_over_all_rows(market: Market, metric: str) -> None:
    assert market.ask(metric) == market.sql(f"SELECT {BY_HAND[metric]} FROM market.orders")


@pytest.mark.parametrize("metric", BY_HAND)
def test_by_a_dimension_with_an_empty_member(market: Market, metric: str) -> None:
    assert market.ask(metric, "order__channel") == market.sql(
        f"SELECT channel, {BY_HAND[metric]} FROM market.orders GROUP BY 1"
    )


@pytest.mark.parametrize("metric", BY_HAND)
def test_by_month(market: Market, metric: str) -> None:
    assert market.ask(metric, "metric_time__month") == market.sql(
        f"SELECT date_trunc('month', order_date), {BY_HAND[metric]} FROM market.orders GROUP BY 1"
    )


def test_all_in_one_question_are_what_they_are_alone(market: Market) -> None:
    assert market.ask(EVERY) == market.sql(f"SELECT {', '.join(BY_HAND.values())} FROM market.orders")


@pytest.mark.one_engine
def test_one_pass_over_the_rows_is_enough_for_all(market: Market) -> None:
    assert market.compiled(EVERY, "order__channel").count("market.orders") == 1


@pytest.mark.parametrize("metric", [name for name in BY_HAND if name not in ("buyers", "total_weight")])
def test_no_rows_give_no_value(market: Market, metric: str) -> None:
    assert market.ask(metric, where=[NOTHING]) == [(None,)]


def test_no_rows_have_no_distinct_values(market: Market) -> None:
    assert market.ask("buyers", where=[NOTHING]) == market.sql(
        "SELECT count(DISTINCT customer_id) FROM market.orders WHERE channel = 'fax'"
    )


@pytest.mark.parametrize("metric", BY_HAND)
def test_no_rows_have_no_groups(market: Market, metric: str) -> None:
    assert market.ask(metric, "order__channel", where=[NOTHING]) == []


def test_a_column_without_any_value_has_no_sum(market: Market) -> None:
    assert market.ask("total_weight", "order__channel") == market.sql(
        "SELECT DISTINCT channel, NULL FROM market.orders"
    )


def test_a_group_without_values_has_none_but_is_there(market: Market) -> None:
    assert market.ask("sales average_sale buyers", "metric_time__day", where=["order__is_gift IS NULL"]) == (
        market.sql("""
            SELECT order_date, sum(amount), avg(amount), count(DISTINCT customer_id)
            FROM market.orders WHERE is_gift IS NULL GROUP BY 1""")
    )


def test_distinct_values_count_once_per_group_and_once_in_all(market: Market) -> None:
    assert market.ask("buyers", "metric_time__year order__channel") == market.sql("""
        SELECT date_trunc('year', order_date), channel, count(DISTINCT customer_id)
        FROM market.orders GROUP BY 1, 2""")


def test_an_average_beside_a_filtered_sum_keeps_its_own_rows(market: Market) -> None:
    assert market.ask("average_sale web_sales p25_sale", "customer__segment") == market.sql("""
        SELECT segment, avg(amount), sum(amount) FILTER (channel = 'web'), quantile_disc(amount, 0.25)
        FROM market.orders LEFT JOIN market.customers USING (customer_id) GROUP BY 1""")


def test_distinct_values_beside_a_filter_have_a_value_only_where_rows_meet_it(market: Market) -> None:
    assert market.ask("buyers web_orders", "order__channel") == market.sql("""
        SELECT channel, count(DISTINCT customer_id), CASE WHEN channel = 'web' THEN count(*) END
        FROM market.orders GROUP BY channel""")


def test_filtered_distinct_values_beside_other_metrics_have_no_value_without_rows(market: Market) -> None:
    assert market.ask("web_buyers orders", "order__channel") == market.sql("""
        SELECT channel, CASE WHEN channel = 'web' THEN count(DISTINCT customer_id) END, count(*)
        FROM market.orders GROUP BY channel""")


def test_groups_that_no_filter_of_the_metrics_meets_are_not_shown(market: Market) -> None:
    assert market.ask("web_orders retail_sales", "order__channel") == market.sql("""
        SELECT channel, nullif(count(*) FILTER (channel = 'web'), 0), sum(amount) FILTER (segment = 'retail')
        FROM market.orders LEFT JOIN market.customers USING (customer_id)
        WHERE channel = 'web' OR segment = 'retail' GROUP BY channel""")


def test_money_stays_decimal(market: Market) -> None:
    (row,) = market.engine.rows(market.compiled("sales largest_sale net_sales"))
    assert [str(value) for value in row] == ["398.52", "100.00", "347.02"]
