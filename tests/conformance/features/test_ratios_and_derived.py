"""Ratios and derived metrics: nested, with aliases, over several models, with nothing below the line."""

from decimal import Decimal

from tests.conformance.features.market import Market

BOTH = """(SELECT customer_id, order_date AS day, amount, NULL AS refund FROM market.orders
  UNION ALL SELECT customer_id, refund_date, NULL, refund FROM market.refunds)"""


def test_a_ratio_divides_sums_and_is_no_average_of_ratios(market: Market) -> None:
    assert market.ask("average_order", "customer__segment") == market.sql("""
        SELECT segment, sum(amount) / count(*) FROM market.orders
        LEFT JOIN market.customers USING (customer_id) GROUP BY 1""")


def test_a_ratio_over_two_models(market: Market) -> None:
    assert market.ask("refund_rate", "customer") == market.sql(
        f"SELECT customer_id, sum(refund) / nullif(sum(amount), 0) FROM {BOTH} GROUP BY 1"
    )


def test_division_by_zero_gives_no_value(market: Market) -> None:
    assert market.ask("web_share", "customer", where=["{{ Entity('customer') }} = 5"]) == market.sql(
        "SELECT customer_id, NULL FROM market.orders WHERE customer_id = 5 GROUP BY 1 HAVING sum(amount) = 0"
    )


def test_a_ratio_of_whole_numbers_is_no_whole_number(market: Market) -> None:
    assert market.ask("visit_to_order web_share") != [(0.0, 0.0)]
    assert market.ask(
        "average_order", where=["order__channel IS NULL OR order__channel = 'phone'"]
    ) == market.sql("SELECT 95.27 / 3.0")


def test_a_derived_metric_without_one_of_its_inputs_has_no_value(market: Market) -> None:
    assert market.ask("net_sales", "metric_time__month") == market.sql(f"""
        SELECT date_trunc('month', day), sum(amount) - sum(refund) FROM {BOTH} GROUP BY 1""")


def test_a_derived_metric_that_fills_its_inputs_has_one(market: Market) -> None:
    assert market.ask("safe_net_sales", "metric_time__month") == market.sql(f"""
        SELECT date_trunc('month', day), coalesce(sum(amount), 0) - coalesce(sum(refund), 0)
        FROM {BOTH} GROUP BY 1""")


def test_nested_derived_metrics(market: Market) -> None:
    assert market.ask("net_share net_sales", "customer") == market.sql(f"""
        SELECT customer_id, (sum(amount) - sum(refund)) / nullif(sum(amount), 0), sum(amount) - sum(refund)
        FROM {BOTH} GROUP BY 1""")


def test_one_metric_twice_under_two_aliases(market: Market) -> None:
    assert market.ask("web_over_shop", "metric_time__year") == market.sql("""
        SELECT date_trunc('year', order_date),
          sum(amount) FILTER (channel = 'web') - sum(amount) FILTER (channel = 'shop')
        FROM market.orders GROUP BY 1""")


def test_parts_of_a_formula_that_are_not_asked_for_are_not_shown(market: Market) -> None:
    assert market.columns("net_share", "metric_time__month") == ["metric_time__month", "net_share"]


def test_money_stays_decimal_in_a_difference(market: Market) -> None:
    (row,) = market.engine.rows(market.compiled("net_sales web_over_shop"))
    assert [type(value) for value in row] == [Decimal, Decimal]
