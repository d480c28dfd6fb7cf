"""Measures of several models in one question, over the dimensions that they share."""

import pytest

from plumbline.errors import DefinitionError
from tests.conformance.features.market import Market

SALES = """(SELECT {key} AS k, sum(amount) AS sales FROM market.orders
  LEFT JOIN market.customers USING (customer_id) GROUP BY 1)"""
REFUNDS = """(SELECT {key} AS k, sum(refund) AS refunded, count(*) AS n FROM market.refunds
  LEFT JOIN market.customers USING (customer_id) GROUP BY 1)"""


def test_over_a_shared_dimension_neither_multiplies_the_other(market: Market) -> None:
    assert market.ask("sales refunded refund_count", "customer__segment") == market.sql(f"""
        SELECT s.k, sales, refunded, n FROM {SALES.format(key="segment")} s
        FULL JOIN {REFUNDS.format(key="segment")} r ON s.k IS NOT DISTINCT FROM r.k""")


def test_members_that_only_one_has_are_there(market: Market) -> None:
    assert market.ask("sales refunded", "customer") == market.sql("""
        SELECT coalesce(s.k, r.k), sales, refunded
        FROM (SELECT customer_id k, sum(amount) sales FROM market.orders GROUP BY 1) s
        FULL JOIN (SELECT customer_id k, sum(refund) refunded FROM market.refunds GROUP BY 1) r
        ON s.k IS NOT DISTINCT FROM r.k""")


def test_months_that_only_one_has_are_there(market: Market) -> None:
    rows = market.ask("sales refunded", "metric_time__month")
    assert rows == market.sql("""
        SELECT month, sum(amount), sum(refund) FROM
          (SELECT date_trunc('month', order_date) AS month, amount, NULL AS refund FROM market.orders
           UNION ALL SELECT date_trunc('month', refund_date), NULL, refund FROM market.refunds) GROUP BY 1""")


def test_each_is_aggregated_by_its_own_time(market: Market) -> None:
    assert market.ask("orders visits last_stock joiners", "metric_time__month") == market.sql("""
        WITH every AS (
          SELECT date_trunc('month', order_date) AS month, 1 AS o, NULL AS v, NULL AS j FROM market.orders
          UNION ALL SELECT date_trunc('month', visited_on), NULL, 1, NULL FROM market.visits
          UNION ALL SELECT date_trunc('month', joined_on), NULL, NULL, 1 FROM market.customers),
        stocked AS (
          SELECT date_trunc('month', stock_date) AS month, sum(on_hand) AS stock FROM market.stock
          WHERE stock_date IN (SELECT max(stock_date) FROM market.stock
          GROUP BY date_trunc('month', stock_date))
          GROUP BY 1)
        SELECT month, sum(o), sum(v), min(stock), sum(j)
        FROM every FULL JOIN stocked USING (month) WHERE month IS NOT NULL GROUP BY 1
        UNION ALL SELECT NULL, NULL, NULL, NULL, 1""")


def test_three_over_two_shared_dimensions(market: Market) -> None:
    assert market.ask(
        "orders refund_count visits", "customer__segment customer__region__region_name"
    ) == market.sql("""
        SELECT segment, region_name, sum(o), sum(f), sum(v) FROM
          (SELECT customer_id, 1 AS o, NULL AS f, NULL AS v FROM market.orders
           UNION ALL SELECT customer_id, NULL, 1, NULL FROM market.refunds
           UNION ALL SELECT customer_id, NULL, NULL, 1 FROM market.visits)
        LEFT JOIN market.customers USING (customer_id) LEFT JOIN market.regions USING (region_id)
        GROUP BY 1, 2""")


def test_without_anything_to_group_by_there_is_one_row(market: Market) -> None:
    assert market.ask("sales refunded visits") == market.sql("""
        SELECT (SELECT sum(amount) FROM market.orders), (SELECT sum(refund) FROM market.refunds),
          (SELECT count(*) FROM market.visits)""")


def test_a_filter_on_a_shared_dimension_limits_both(market: Market) -> None:
    where = ["{{ Dimension('customer__segment') }} = 'trade'"]
    assert market.ask("sales refunded", "metric_time__year", where=where) == market.sql("""
        SELECT date_trunc('year', day), sum(amount), sum(refund) FROM
          (SELECT customer_id, order_date AS day, amount, NULL AS refund FROM market.orders
           UNION ALL SELECT customer_id, refund_date, NULL, refund FROM market.refunds)
        JOIN market.customers USING (customer_id) WHERE segment = 'trade' GROUP BY 1""")


def test_a_parent_and_its_child_side_by_side(market: Market) -> None:
    assert market.ask("sales quantity", "order") == market.sql("""
        SELECT coalesce(o.k, l.k), sales, quantity
        FROM (SELECT order_id k, sum(amount) sales FROM market.orders GROUP BY 1) o
        FULL JOIN (SELECT order_id k, sum(quantity) quantity FROM market.lines GROUP BY 1) l
        ON o.k IS NOT DISTINCT FROM l.k""")


def test_a_name_of_the_parent_means_the_same_for_its_child(market: Market) -> None:
    assert market.ask("sales quantity", "order__customer__segment") == market.sql("""
        SELECT segment, sum(sales), sum(quantity) FROM (
          SELECT order_id, amount AS sales, NULL AS quantity FROM market.orders
          UNION ALL SELECT order_id, NULL, quantity FROM market.lines)
        LEFT JOIN market.orders USING (order_id) LEFT JOIN market.customers USING (customer_id) GROUP BY 1""")


def test_customers_and_their_orders_by_a_dimension_beyond(market: Market) -> None:
    assert market.ask("joiners orders", "customer__region__region_name") == market.sql("""
        SELECT region_name, sum(j), sum(o) FROM (
          SELECT customer_id, 1 AS j, NULL AS o FROM market.customers
          UNION ALL SELECT customer_id, NULL, 1 FROM market.orders)
        LEFT JOIN market.customers USING (customer_id) LEFT JOIN market.regions USING (region_id)
        GROUP BY 1""")


def test_a_dimension_that_one_lacks_is_refused_and_the_model_is_named(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales refunded", "order__channel")
    assert caught.value.code == "unreachable-dimension"
    assert "refunds" in caught.value.why
    assert "customer__segment" in caught.value.todo
    assert "order__channel" not in caught.value.todo
