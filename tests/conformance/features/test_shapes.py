"""Definitions as dbt 1.11 writes them, over measures, and as 1.12 does, without: the same answers and SQL."""

from typing import Any

import pytest

from plumbline.errors import DefinitionError
from tests.conformance.features.market import ITSELF, METRICS, Market

NAMES = [item["name"] for item in METRICS]
# Metrics that take measures of their own name, without filters on them: nothing has another name in 1.12.
OF_THEIR_NAME = [
    *ITSELF,
    "average_order",
    "refund_rate",
    "net_sales",
    "net_share",
    "web_over_shop",
    "sales_1_month_ago",
    "sales_1_sprint_ago",
    "sales_since_month_start",
    "sales_ever",
    "sales_28_days",
    "sales_28_days_average",
    "sales_month_to_date",
    "buyers_28_days",
    "median_ever",
    "web_sales_ever",
    "visit_to_order_week",
    "visit_to_same_channel",
    "web_visit_to_order",
    "watts_1_hour_ago",
]


def _answer(market: Market, **query: Any) -> Any:
    try:
        return market.ask_as(query)
    except DefinitionError as error:
        return error.code


@pytest.mark.one_engine
@pytest.mark.parametrize("name", NAMES)
def test_the_same_answers(market: Market, newer_market: Market, name: str) -> None:
    for by in ([], ["metric_time__month"], ["metric_time__week", "customer__segment"]):
        query = {"metrics": [name], "group_by": by, "order_by": [*by]}
        assert _answer(newer_market, **query) == _answer(market, **query)


@pytest.mark.one_engine
@pytest.mark.parametrize("name", OF_THEIR_NAME)
def test_the_same_sql(market: Market, newer_market: Market, name: str) -> None:
    assert newer_market.compiled(name, "metric_time__month") == market.compiled(name, "metric_time__month")


@pytest.mark.one_engine
def test_the_same_sql_for_metrics_side_by_side(market: Market, newer_market: Market) -> None:
    metrics = "sales orders refunded average_order sales_ever"
    assert newer_market.compiled(metrics, "metric_time__month") == market.compiled(
        metrics, "metric_time__month"
    )


@pytest.mark.one_engine
def test_a_saved_query_is_the_same(market: Market, newer_market: Market) -> None:
    query = {"saved_query": "best_segments"}
    assert newer_market.ask_as(query) == market.ask_as(query)


def test_metrics_of_one_model_share_one_pass_in_both(newer_market: Market) -> None:
    assert newer_market.compiled("sales web_sales buyers", "order__channel").count("market.orders") == 1
