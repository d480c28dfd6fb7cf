"""Filters: in the question, in a metric, in its inputs; on dimensions, times, keys, metrics and values."""

import pytest

from tests.conformance.features.market import Market

WITH_CUSTOMERS = "market.orders LEFT JOIN market.customers c USING (customer_id)"


@pytest.mark.parametrize(
    ("text", "by_hand"),
    [
        ("{{ Dimension('order__channel') }} = 'web'", "channel = 'web'"),
        ("{{ Dimension('order__channel') }} IS NULL", "channel IS NULL"),
        ("NOT {{ Dimension('order__channel') }} IN ('web', 'shop')", "channel NOT IN ('web', 'shop')"),
        ("{{ Dimension('order__is_gift') }}", "is_gift"),
        ("{{ Dimension('order__channel') }} LIKE '%o%'", "channel LIKE '%o%'"),
        (
            "{{ Dimension('order__channel') }} = 'web' OR {{ Dimension('order__is_gift') }}",
            "channel = 'web' OR is_gift",
        ),
        ("{{ Entity('customer') }} = 2", "customer_id = 2"),
        ("{{ Entity('customer') }} IS NULL", "customer_id IS NULL"),
        (
            "{{ TimeDimension('metric_time', 'month') }} = '2024-02-01'",
            "date_trunc('month', order_date) = '2024-02-01'",
        ),
        (
            "{{ TimeDimension('metric_time', 'week') }} > '2024-02-26'",
            "date_trunc('week', order_date) > '2024-02-26'",
        ),
        (
            "{{ TimeDimension('metric_time', 'month') }} <= '2024-02-10'",
            "date_trunc('month', order_date) <= '2024-02-10'",
        ),
        (
            "{{ TimeDimension('metric_time', 'month') }} BETWEEN '2024-01-15' AND '2024-02-15'",
            "date_trunc('month', order_date) BETWEEN '2024-01-15' AND '2024-02-15'",
        ),
        ("{{ TimeDimension('metric_time', 'year') }} <> '2024-01-01'", "year(order_date) <> 2024"),
        ("{{ TimeDimension('metric_time') }} = '2024-02-29'", "order_date = '2024-02-29'"),
        (
            "{{ Dimension('metric_time').grain('quarter') }} = '2024-01-01'",
            "date_trunc('quarter', order_date) = '2024-01-01'",
        ),
        ("{{ Dimension('metric_time').date_part('month') }} = 1", "month(order_date) = 1"),
        (
            "{{ TimeDimension('order__shipped_on', 'month') }} = '2024-02-01'",
            "date_trunc('month', ship_date) = '2024-02-01'",
        ),
        ("{{ TimeDimension('order__shipped_on', 'day') }} IS NULL", "ship_date IS NULL"),
        ("order__channel = 'web'", "channel = 'web'"),
        ("metric_time__month = '2024-02-01'", "date_trunc('month', order_date) = '2024-02-01'"),
        (
            "metric_time__day >= '2024-02-29' AND order__size = 'small'",
            "order_date >= '2024-02-29' AND amount < 40",
        ),
        ("customer__segment = 'retail'", "segment = 'retail'"),
        (
            "COALESCE({{ Dimension('customer__segment') }}, 'none') = 'none'",
            "COALESCE(segment, 'none') = 'none'",
        ),
        (
            "customer__segment = 'trade' OR {{ TimeDimension('metric_time', 'month') }} < '2023-03-01'",
            "segment = 'trade' OR date_trunc('month', order_date) < '2023-03-01'",
        ),
    ],
)
def test_in_the_question(market: Market, text: str, by_hand: str) -> None:
    assert market.ask("sales orders", "order", where=[text]) == market.sql(
        f"SELECT order_id, sum(amount), count(*) FROM {WITH_CUSTOMERS} WHERE {by_hand} GROUP BY 1"
    )


def test_several_must_all_hold(market: Market) -> None:
    where = [
        "{{ Dimension('order__channel') }} = 'web' OR 1 = 0",
        "{{ Dimension('customer__segment') }} = 'retail'",
    ]
    assert market.ask("orders", where=where) == market.sql(
        f"SELECT count(*) FROM {WITH_CUSTOMERS} WHERE channel = 'web' AND segment = 'retail'"
    )


def test_a_dimension_may_be_reached_by_a_path_that_is_named(market: Market) -> None:
    text = "{{ Dimension('region__region_name', entity_path=['customer']) }} = 'North'"
    assert market.ask("orders", where=[text]) == market.sql(f"""
        SELECT count(*) FROM {WITH_CUSTOMERS} JOIN market.regions r USING (region_id)
        WHERE region_name = 'North'""")


def test_of_a_metric(market: Market) -> None:
    assert market.ask("retail_sales", "order__channel") == market.sql(
        f"SELECT channel, sum(amount) FROM {WITH_CUSTOMERS} WHERE segment = 'retail' GROUP BY 1"
    )


def test_of_two_metrics_on_what_is_joined_leave_out_what_meets_neither(market: Market) -> None:
    assert market.ask("retail_sales trade_orders", "metric_time__month") == market.sql(f"""
        SELECT date_trunc('month', order_date), sum(CASE WHEN segment = 'retail' THEN amount END),
            sum(CASE WHEN segment = 'trade' THEN 1 END)
        FROM {WITH_CUSTOMERS} WHERE segment IN ('retail', 'trade') GROUP BY 1""")


def test_of_a_measure_and_of_its_metric_both_hold(market: Market) -> None:
    assert market.ask("big_web_sales", "metric_time__year") == market.sql("""
        SELECT date_trunc('year', order_date), sum(amount) FROM market.orders
        WHERE channel = 'web' AND amount >= 40 GROUP BY 1""")


def test_of_an_input_limits_only_that_input(market: Market) -> None:
    assert market.ask("web_over_shop web_share", "customer__segment") == market.sql(f"""
        SELECT segment, sum(amount) FILTER (channel = 'web') - sum(amount) FILTER (channel = 'shop'),
          sum(amount) FILTER (channel = 'web') / nullif(sum(amount), 0)
        FROM {WITH_CUSTOMERS} GROUP BY 1""")


def test_of_a_ratio_limits_both_of_its_sides(market: Market) -> None:
    assert market.ask("retail_web_share", "metric_time__month") == market.sql(f"""
        SELECT date_trunc('month', order_date), sum(amount) FILTER (channel = 'web') / sum(amount)
        FROM {WITH_CUSTOMERS} WHERE segment = 'retail' GROUP BY 1""")


def test_of_the_question_limits_every_input(market: Market) -> None:
    assert market.ask("net_sales", where=["customer__segment = 'retail'"]) == market.sql(f"""
        SELECT (SELECT sum(amount) FROM {WITH_CUSTOMERS} WHERE segment = 'retail')
          - (SELECT sum(refund) FROM market.refunds JOIN market.customers USING (customer_id)
             WHERE segment = 'retail')""")


REGULARS = "(SELECT customer_id FROM market.orders GROUP BY 1 HAVING count(*) >= 2)"


def test_on_a_metric_by_an_entity(market: Market) -> None:
    where = ["{{ Metric('orders', group_by=['customer']) }} >= 2"]
    assert market.ask("sales", "metric_time__month", where=where) == market.sql(f"""
        SELECT date_trunc('month', order_date), sum(amount) FROM market.orders
        WHERE customer_id IN {REGULARS} GROUP BY 1""")


def test_on_a_metric_of_another_model(market: Market) -> None:
    where = ["{{ Metric('refunded', group_by=['customer']) }} > 5"]
    assert market.ask("sales", "customer", where=where) == market.sql("""
        SELECT customer_id, sum(amount) FROM market.orders WHERE customer_id IN
          (SELECT customer_id FROM market.refunds GROUP BY 1 HAVING sum(refund) > 5) GROUP BY 1""")


def test_on_a_metric_leaves_members_without_it_without_a_value(market: Market) -> None:
    where = ["{{ Metric('visits', group_by=['customer']) }} IS NULL"]
    assert market.ask("orders", "order", where=where) == market.sql("""
        SELECT order_id, 1 FROM market.orders o WHERE customer_id IS NULL OR NOT EXISTS
          (SELECT 1 FROM market.visits v WHERE v.customer_id = o.customer_id)""")


def test_on_a_ratio_by_an_entity(market: Market) -> None:
    where = ["{{ Metric('average_order', group_by=['store']) }} < 20"]
    assert market.ask("orders", "store", where=where) == market.sql("""
        SELECT store_id, count(*) FROM market.orders WHERE store_id IS NOT NULL
        GROUP BY 1 HAVING sum(amount) / count(*) < 20""")


def test_on_a_metric_inside_a_metric(market: Market) -> None:
    assert market.ask("sales_of_regulars", "order__channel") == market.sql(f"""
        SELECT channel, sum(amount) FROM market.orders WHERE customer_id IN {REGULARS} GROUP BY 1""")


def test_on_a_metric_with_another_condition_beside_it(market: Market) -> None:
    text = "{{ Metric('orders', group_by=['customer']) }} >= 2 OR {{ Dimension('order__channel') }} IS NULL"
    assert market.ask("orders", where=[text]) == market.sql(
        f"SELECT count(*) FROM market.orders WHERE customer_id IN {REGULARS} OR channel IS NULL"
    )


def test_on_values_of_the_result(market: Market) -> None:
    assert market.ask("sales orders", "order__channel", where=["sales > 50 AND orders < 5"]) == market.sql("""
        SELECT channel, sum(amount), count(*) FROM market.orders GROUP BY 1
        HAVING sum(amount) > 50 AND count(*) < 5""")


def test_on_values_of_the_result_beside_one_on_rows(market: Market) -> None:
    where = ["average_order > 20", "order__size = 'small'"]
    assert market.ask("average_order", "order__channel", where=where) == market.sql("""
        SELECT channel, sum(amount) / count(*) FROM market.orders WHERE amount < 40 GROUP BY 1
        HAVING sum(amount) / count(*) > 20""")


def test_a_column_of_the_result_is_seen_by_its_name_with_quotes_of_any_text(market: Market) -> None:
    assert market.ask("orders", where=["order__channel = 'it''s; DROP TABLE market.orders --'"]) == [(None,)]


def test_on_a_dimension_that_is_not_shown_does_not_split_rows(market: Market) -> None:
    where = ["{{ Dimension('product__category') }} IS NOT NULL"]
    assert market.ask("quantity", where=where) == market.sql("""
        SELECT sum(quantity) FROM market.lines JOIN market.products USING (product_id)
        WHERE category IS NOT NULL""")
