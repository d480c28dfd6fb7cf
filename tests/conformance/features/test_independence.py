"""What a metric's value is does not depend on what else is asked in the same question."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.conformance.features.market import METRICS, Market

Question = Mapping[str, list[str]]
# The values of a metric by the keys of their rows.
Column = Mapping[tuple[Any, ...], Any]

# Metrics that show a number of their own where only another one has a row.
FILLING = {"orders_filled", "orders_or_zero", "refunds_or_zero"}
# One metric per way to be computed; the others differ from one of them in a number only.
ASKED = [
    "sales",
    "buyers",
    "gifts",
    "median_sale",
    "shipped_sales",
    "refunded",
    "web_sales",
    "web_orders",
    "retail_sales",
    "sales_of_regulars",
    "average_order",
    "web_share",
    "refund_rate",
    "net_share",
    "safe_net_sales",
    "sales_growth",
    "sales_since_month_start",
    "sales_2_week_ago",
    "sales_2_months_ago",
    "net_sales_1_month_ago",
    "sales_1_sprint_ago",
    "sales_ever",
    "sales_28_days_first",
    "buyers_28_days",
    "web_sales_ever",
    "visit_to_order_week",
    "orders_after_visit",
    "orders_after_visit_filled",
    "web_visit_to_order",
    "orders_on_spine",
    "orders_filled",
    "orders_or_zero",
    "refunds_or_zero",
    "net_sales_filled",
    "orders_filled_twice",
    "orders_filled_1_month_ago",
    "visits",
]
# Those that differ from another one only in what is added up.
ALIKE = {
    "buyers",
    "gifts",
    "web_orders",
    "retail_sales",
    "web_share",
    "sales_2_week_ago",
    "sales_28_days_first",
    "orders_after_visit",
    "web_visit_to_order",
    "orders_on_spine",
    "refunds_or_zero",
    "visits",
}
PAIRS = [name for name in ASKED if name not in ALIKE]
QUESTIONS = [
    {"group_by": ["metric_time__month"]},
    {"group_by": ["customer__segment", "metric_time__month"], "where": ["{{ Entity('customer') }} <> 3"]},
    {"group_by": ["metric_time__day"], "time_constraint": ["2024-02-10", "2024-03-10"]},
]
PAIRED: Question = {
    "group_by": ["metric_time__month", "customer__segment"],
    "where": ["{{ TimeDimension('metric_time', 'month') }} BETWEEN '2024-01-01' AND '2024-05-01'"],
}


def test_every_metric_is_known() -> None:
    assert set(ASKED) <= {item["name"] for item in METRICS}


@pytest.mark.parametrize("question", QUESTIONS, ids=["by month", "by segment", "in a range"])
def test_all_together_are_what_they_are_alone(market: Market, question: Question) -> None:
    together = _columns(market, ASKED, question)
    for name in ASKED:
        _same(name, _columns(market, [name], question)[name], together[name], question, ASKED)


@pytest.fixture(scope="module")
def alone(market: Market) -> Mapping[str, Column]:
    return {name: _columns(market, [name], PAIRED)[name] for name in PAIRS}


@pytest.mark.parametrize("first", PAIRS)
def test_two_together_are_what_they_are_alone(
    market: Market, alone: Mapping[str, Column], first: str
) -> None:
    for other in PAIRS[PAIRS.index(first) + 1 :]:
        together = _columns(market, [first, other], PAIRED)
        for name in (first, other):
            _same(name, alone[name], together[name], PAIRED, [first, other])


def _columns(market: Market, metrics: list[str], question: Question) -> dict[str, Column]:
    rows = market.ask_as({"metrics": metrics, **question})
    keys = len(question["group_by"])
    assert len({row[:keys] for row in rows}) == len(rows), f"rows repeat:\n{rows.sql}"
    return {name: {row[:keys]: row[keys + number] for row in rows} for number, name in enumerate(metrics)}


def _same(name: str, alone: Column, together: Column, question: Question, metrics: list[str]) -> None:
    missing = {0.0} if name in FILLING else {None}
    wrong = {key: value for key, value in together.items() if alone.get(key, ...) != value}
    wrong = {key: value for key, value in wrong.items() if key in alone or value not in missing}
    wrong |= dict.fromkeys(alone.keys() - together.keys(), "lost")
    assert not wrong, f"{name} beside {metrics} by {question}: {wrong}"
