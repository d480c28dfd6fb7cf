"""Each mutant of the compiler gives another answer to one of these questions, or none.

The tests of features compare the answers to such questions with SQL by hand: they fail for each mutant.
"""

from typing import Any

import pytest

from tests.conformance.features.market import METRICS, Market

MONTH = "metric_time__month"
SEGMENT = "customer__segment"
SINCE = "{{ TimeDimension('metric_time', 'month') }} >= '2024-01-15'"
UNTIL = "{{ TimeDimension('metric_time', 'month') }} <= '2024-02-15'"
MIXED = (
    "{{ TimeDimension('metric_time', 'day') }} > '2024-02-01' OR {{ Dimension('order__channel') }} = 'web'"
)


def asked(metrics: str, by: str = "", **more: Any) -> dict[str, Any]:
    return {"metrics": metrics.split(), "group_by": by.split(), **more}


QUESTIONS: list[dict[str, Any]] = [
    asked("sales refunded net_sales_filled orders_per_gift", f"{MONTH} {SEGMENT}"),
    asked("sales average_order refund_rate", f"{MONTH} customer__region__country__country_name"),
    asked("web_sales sales web_buyers", "order__channel"),
    asked("web_buyers web_sales", SEGMENT),
    asked("web_share web_over_shop", MONTH, where=[SINCE]),
    asked("sales", MONTH, where=[SINCE, UNTIL]),
    asked("sales", MONTH, where=["sales > 50"]),
    asked("sales", "metric_time__day", range=["2024-01-31", "2024-02-28"]),
    asked("orders", "store__manager metric_time__day"),
    asked("clicks", "ad__campaign"),
    asked("sales_of_regulars", MONTH),
    asked("quantity", SEGMENT, where=["{{ Metric('orders', group_by=['order__customer']) }} > 1"]),
    asked("sales_1_month_ago sales", MONTH),
    asked("sales_1_sprint_ago sales_1_season_ago", "metric_time__day"),
    asked("sales_since_month_start", "metric_time__week"),
    asked("sales_2_months_ago", "metric_time__quarter", where=[SINCE]),
    asked("sales_1_year_ago", f"{MONTH} {SEGMENT}", range=["2024-01-01", "2024-03-31"]),
    asked("sales_ever sales_28_days buyers_28_days", f"metric_time__day {SEGMENT}"),
    asked("sales_28_days average_28_days median_ever", MONTH, where=[MIXED]),
    asked("sales_28_days sales_2_months average_28_days", MONTH, range=["2024-02-01", "2024-03-31"]),
    asked("sales_28_days buyers_ever", "", range=["2024-03-01", "2024-03-31"]),
    asked("sales_28_days_first sales_28_days_average buyers_28_days_average", MONTH),
    asked("buyers_month_to_date buyers_ever", "metric_time__day"),
    asked("sales_month_to_date buyers_2_months", f"metric_time__week {SEGMENT}"),
    asked("notes_28_days some_gift_ever", "metric_time__day"),
    asked("last_stock first_stock", MONTH),
    asked("last_stock_by_store average_last_stock", f"{MONTH} product__category"),
    asked("last_stock", "store", where=["{{ Dimension('product__category') }} = 'veg'"]),
    asked("visit_to_order visit_to_order_week", f"{MONTH} visit__source"),
    asked("orders_after_visit_filled visit_to_same_channel", "visit__source"),
    asked("order_to_refund", "order__channel order__is_gift"),
    asked("visit_to_buyers web_visit_to_order", MONTH, range=["2024-01-01", "2024-02-29"]),
    asked(
        "orders_on_spine orders_filled",
        f"{MONTH} order__channel",
        where=["{{ Dimension('order__channel') }} = 'web'"],
    ),
    asked("orders_filled_1_month_ago watts_filled", "metric_time__day"),
    asked(
        "",
        f"{SEGMENT} customer__region__region_name",
        where=["{{ Dimension('region__region_name') }} IS NOT NULL"],
    ),
    asked("", f"{SEGMENT} customer__region__region_name metric_time__year"),
    asked("", f"{SEGMENT} customer__region__region_name metric_time__year", where=[SINCE]),
    asked(
        "",
        f"{SEGMENT} metric_time__day",
        where=[f"{{{{ Dimension('{SEGMENT}') }}}} = 'trade'"],
        range=["2024-01-01", "2024-01-03"],
    ),
    asked("", "metric_time__day", where=["{{ TimeDimension('metric_time', 'month') }} = '2024-02-01'"]),
    asked("", "customer", where=["{{ Metric('orders', group_by=['customer']) }} > 2"]),
    asked("", "store__city store__region__region_name"),
    *(asked(item["name"], MONTH) for item in METRICS),
]
# What changes no answer, and why.
HARMLESS: dict[str, str] = {}


def answers(compiler: Any, market: Market, query: dict[str, Any]) -> Any:
    try:
        sql = compiler.compile(market.manifest, query, "duckdb")
        return sorted(map(repr, market.con.execute(sql).fetchall()))
    except Exception as error:
        return getattr(error, "code", type(error).__name__)


@pytest.fixture(scope="module")
def expected(market: Market) -> list[Any]:
    from plumbline import compiler

    return [answers(compiler, market, query) for query in QUESTIONS]


def test_x():
    pass
