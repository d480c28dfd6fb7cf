"""Metrics that each pick members of one dimension: rows are added up by member first, then picked."""

import pytest

from tests.conformance.features.market import Market

METRICS = "web_sales web_orders shop_notes phone_largest_sale"
PICKED = """
  sum(CASE WHEN channel = 'web' THEN amount END), count(CASE WHEN channel = 'web' THEN 1 END),
  sum(CASE WHEN channel = 'shop' THEN CASE WHEN note IS NULL THEN 0 ELSE 1 END END),
  max(CASE WHEN channel = 'phone' THEN amount END)"""


def _none_is_empty(rows: str) -> str:
    """Count nothing where no row is picked, as a sum of ones does."""
    return rows.replace(
        "count(CASE WHEN channel = 'web' THEN 1 END)", "sum(CASE WHEN channel = 'web' THEN 1 END)"
    )


@pytest.mark.parametrize("metrics", [METRICS, f"{METRICS} sales"])
def test_by_month(market: Market, metrics: str) -> None:
    total, rows = (", sum(amount)", "") if "sales" in metrics.split() else ("", "WHERE channel IS NOT NULL")
    by_hand = f"SELECT date_trunc('month', order_date), {PICKED}{total} FROM market.orders {rows} GROUP BY 1"
    assert market.ask(metrics, "metric_time__month") == market.sql(_none_is_empty(by_hand))


def test_by_a_joined_dimension_under_a_filter(market: Market) -> None:
    found = market.ask(METRICS, "customer__segment", where=["{{ Dimension('order__size') }} = 'big'"])
    by_hand = f"""SELECT segment, {PICKED} FROM market.orders LEFT JOIN market.customers USING (customer_id)
    WHERE amount >= 40 AND channel IN ('web', 'shop', 'phone') GROUP BY segment"""
    assert found == market.sql(_none_is_empty(by_hand))


def test_in_total(market: Market) -> None:
    assert market.ask(METRICS) == market.sql(_none_is_empty(f"SELECT {PICKED} FROM market.orders"))


def test_in_total_of_no_rows(market: Market) -> None:
    found = market.ask(METRICS, where=["{{ Dimension('order__channel') }} = 'pigeon'"])
    assert found == market.sql("SELECT NULL, NULL, NULL, NULL")


def test_rows_are_asked_for_no_condition(market: Market) -> None:
    sql = market.compiled(METRICS, "metric_time__month")
    assert sql.count('AS "__picked_member"') == 1
    assert "picked_member" not in market.compiled(f"{METRICS} web_buyers", "metric_time__month")
