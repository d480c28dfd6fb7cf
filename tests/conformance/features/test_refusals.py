"""What cannot be answered is refused with a code, and with what to do instead."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plumbline.compiler import compile
from plumbline.errors import DefinitionError
from tests.conformance.features.market import Market, manifest, where

QUESTIONS: list[tuple[dict[str, Any], str, str]] = [
    ({"metrics": ["slaes"]}, "unknown-metric", "'sales'"),
    ({"metrics": ["sales"], "group_by": ["order__chanel"]}, "unknown-dimension", "'order__channel'"),
    ({"metrics": ["sales"], "group_by": ["nothing"]}, "unknown-dimension", "plumb list"),
    ({"metrics": ["sales"], "group_by": ["product__category"]}, "unreachable-dimension", "order__customer"),
    ({"metrics": ["sales"], "group_by": ["region__region_name"]}, "ambiguous-dimension", "in full"),
    ({"metrics": ["sales"], "group_by": ["metric_time__hour"]}, "grain-too-fine", "by day"),
    ({"metrics": ["sales"], "group_by": ["customer__joined_on__hour"]}, "grain-too-fine", "by day"),
    (
        {"metrics": ["sales"], "group_by": [{"name": "metric_time", "grain": "sprnt"}]},
        "unknown-grain",
        "'sprint'",
    ),
    (
        {"metrics": ["sales"], "group_by": [{"name": "customer__joined_on", "grain": "sprnt"}]},
        "unknown-grain",
        "'sprint'",
    ),
    (
        {"metrics": ["sales"], "group_by": [{"name": "order__channel", "grain": "day"}]},
        "not-a-time",
        "without a grain",
    ),
    (
        {"metrics": ["sales"], "group_by": [{"name": "metric_time", "date_part": "dwo"}]},
        "unknown-date-part",
        "'dow'",
    ),
    (
        {"metrics": ["sales"], "group_by": [{"name": "metric_time", "date_part": "year FROM x) --"}]},
        "unknown-date-part",
        "Known: year",
    ),
    ({"metrics": ["sales"], "group_by": ["order__channel", "order__channel"]}, "asked-twice", "once"),
    ({"metrics": ["sales_1_year_ago"]}, "needs-time", "metric_time__month"),
    ({"metrics": ["sales_28_days"]}, "needs-time", "metric_time__month"),
    (
        {"metrics": ["sales"], "where": ["{{ Dimension('order__chanel') }} = 1"]},
        "unknown-dimension",
        "'order__channel'",
    ),
    (
        {"metrics": ["sales"], "where": ["{{ Dimenson('order__channel') }} = 1"]},
        "bad-reference",
        "'Dimension'",
    ),
    (
        {"metrics": ["sales"], "where": ["{{ Dimension('order__channel' }} = 1"]},
        "bad-reference",
        "like Dimension",
    ),
    (
        {"metrics": ["sales"], "where": ["{{ Metric('order', ['customer']) }} > 1"]},
        "unknown-metric",
        "'orders'",
    ),
    ({"metrics": ["sales"], "where": ["order__channel = 'web' AND ("]}, "bad-condition", "Compare"),
    ({"metrics": ["sales"], "where": ["order__channel = (SELECT 1)"]}, "bad-condition", "Compare"),
    ({"metrics": ["sales"], "where": ["sales > 1 AND order__channel = 'web'"]}, "mixed-condition", "two"),
    ({"metrics": ["sales"], "range": ["2024-03-01", "2024-02-01"]}, "bad-range", "first"),
    ({"metrics": ["sales"], "where": ["slaes > 1"]}, "unknown-dimension", "plumb list"),
    ({"metrics": ["sales"], "order_by": ["-sale"]}, "unknown-order", "'sales'"),
    ({"metrics": ["sales"], "where": 5}, "bad-query", "conditions"),
    ({"metrics": ["sales"], "where": {"order__channel": "web"}}, "bad-query", "conditions"),
    ({"metrics": ["sales"], "order_by": 5}, "bad-query", "columns"),
    ({"metrics": [None]}, "bad-query", "names"),
    ({"group_by": ["order__channel"], "min_max_only": "false"}, "bad-query", "True or False"),
    ({"metrics": ["sales"], "where": ["{{ Metric('orders') }} > 1"]}, "bad-reference", "group_by"),
    (
        {"metrics": ["sales"], "where": ["{{ Metric('orders', ['metric_time']) }} > 1"]},
        "bad-reference",
        "member of a key",
    ),
    (
        {"metrics": ["sales"], "where": ["{{ Dimension(order__channel) }} = 'web'"]},
        "bad-reference",
        "order__channel stands in no quotes",
    ),
    ({"metrics": ["sales"], "where": ["orders > 1"]}, "unknown-dimension", "under `metrics`"),
    ({"metrics": ["sales"], "where": ['order__channel = "web"']}, "unknown-dimension", "quotes: 'web'"),
    (
        {"metrics": ["sales"], "where": ["{{ TimeDimension('metric_time', 'month') }} = 'May'"]},
        "bad-condition",
        "metric_time__month with 'May'",
    ),
    ({"metrics": ["sales"], "where": ["metric_time__month >= 2024"]}, "bad-condition", "with 2024"),
    ({"metrics": ["sales"], "where": ["metric_time__day < '2024-02-30'"]}, "bad-condition", "first day"),
    ({"metrics": ["sales"], "where": ["metric_time__day LIKE '2024%'"]}, "bad-condition", "not a text"),
    (
        {"group_by": ["customer__segment"], "where": ["customer__joined_on = 'May'"]},
        "bad-condition",
        "with 'May'",
    ),
    ({"metrics": ["sales"], "where": ["sales > 'much'"]}, "bad-condition", "sales with 'much'"),
    ({"metrics": ["sales"], "where": ["1 = 1 or sales in (1, 'x')"]}, "bad-condition", "sales with 'x'"),
    ({"metrics": ["sales"], "where": ["sales > TRUE"]}, "bad-condition", "sales with TRUE"),
    ({"metrics": ["sales"], "where": ["sales LIKE '1%'"]}, "bad-condition", "sales is a figure"),
    (
        {"metrics": ["sales"], "where": ["{{ Metric('orders', group_by=['customer']) }} > 'x'"]},
        "bad-condition",
        "orders with 'x'",
    ),
    ({"metrics": ["sales"], "limit": -1}, "bad-limit", "0 or more"),
    ({"metrics": ["sales"], "limit": "3"}, "bad-limit", "0 or more"),
    ({"metrics": ["sales"], "time_constraint": ["2024-01-01"]}, "bad-time-constraint", "ISO"),
    ({"metrics": ["sales"], "time_constraint": ["2024-02-30", "2024-03-01"]}, "bad-time-constraint", "ISO"),
    ({"metrics": ["sales"], "time_constraint": ["2024-03-01", "2024-02-01"]}, "bad-time-constraint", "first"),
    ({"saved_query": "montly"}, "unknown-saved-query", "'monthly'"),
    ({"saved_query": "monthly", "metrics": ["sales"]}, "bad-query", "alone"),
    ({"metrics": []}, "no-metric", "metrics"),
    ({"metrics": ["sales"], "grup_by": []}, "unknown-key", "'group_by'"),
    ({"group_by": ["customer__segmnt"]}, "unknown-dimension", "'customer__segment'"),
    ({"group_by": ["customer__segment"], "order_by": ["segment"]}, "unknown-order", "customer__segment"),
]


@pytest.mark.one_engine
@pytest.mark.parametrize(("query", "code", "todo"), QUESTIONS)
def test_a_question_is_refused(market: Market, query: dict[str, Any], code: str, todo: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile(market.manifest, query, "duckdb")
    assert caught.value.code == code, str(caught.value)
    assert todo in f"{caught.value.why} {caught.value.todo}", str(caught.value)


@pytest.mark.one_engine
@pytest.mark.parametrize("value", ["10", "'10'", "1e1", "'2 days'", "NULL"])
def test_what_may_be_a_figure_is_compared_with_one(market: Market, value: str) -> None:
    assert value in compile(market.manifest, {"metrics": ["sales"], "where": [f"sales > {value}"]}, "duckdb")


Change = Callable[[dict[str, Any]], None]


def _model(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in told["semantic_models"] if item["name"] == name)


def _metric(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in told["metrics"] if item["name"] == name)


def _without_time(told: dict[str, Any]) -> None:
    _model(told, "refunds")["defaults"] = None


def _without_percentile(told: dict[str, Any]) -> None:
    for item in _model(told, "orders")["measures"]:
        item["agg_params"] = None


def _with_unknown_aggregate(told: dict[str, Any]) -> None:
    _model(told, "orders")["measures"][1]["agg"] = "summ"


def _with_own_sum(told: dict[str, Any]) -> None:
    _model(told, "orders")["measures"][1]["expr"] = "sum(amount) / count(*)"


def _with_window(told: dict[str, Any]) -> None:
    _model(told, "orders")["measures"][1]["expr"] = "amount - lag(amount) OVER (ORDER BY order_id)"


def _without_measure(told: dict[str, Any]) -> None:
    _metric(told, "sales")["type_params"]["measure"]["name"] = "slaes"


def _without_input(told: dict[str, Any]) -> None:
    _metric(told, "net_sales")["type_params"]["metrics"][0]["name"] = "slaes"


def _without_entity(told: dict[str, Any]) -> None:
    _metric(told, "visit_to_order")["type_params"]["conversion_type_params"]["entity"] = "custmer"


def _without_spines(told: dict[str, Any]) -> None:
    told["project_configuration"]["time_spines"] = []


def _with_unknown_window(told: dict[str, Any]) -> None:
    params = _metric(told, "sales_28_days")["type_params"]["cumulative_type_params"]
    params["window"]["granularity"] = "day) FROM x --"


def _with_unknown_period_to_date(told: dict[str, Any]) -> None:
    params = _metric(told, "sales_month_to_date")["type_params"]["cumulative_type_params"]
    params["grain_to_date"] = "mont"


def _with_unknown_offset(told: dict[str, Any]) -> None:
    params = _metric(told, "sales_1_month_ago")["type_params"]
    params["metrics"][0]["offset_window"]["granularity"] = "mont"


def _stock(told: dict[str, Any]) -> dict[str, Any]:
    models = (item for item in told["semantic_models"] for item in item["measures"])
    found: dict[str, Any] = next(item for item in models if item["name"] == "last_stock_by_store")
    return found


def _with_unknown_snapshot(told: dict[str, Any]) -> None:
    _stock(told)["non_additive_dimension"]["name"] = "store"


def _with_unknown_choice(told: dict[str, Any]) -> None:
    _stock(told)["non_additive_dimension"]["window_choice"] = "last"


def _with_unknown_grouping(told: dict[str, Any]) -> None:
    _stock(told)["non_additive_dimension"]["window_groupings"] = ["stroe"]


def _adding_up_a_stock(told: dict[str, Any]) -> None:
    _metric(told, "sales_month_to_date")["type_params"]["measure"]["name"] = "last_stock"


def _with_unknown_type(told: dict[str, Any]) -> None:
    _metric(told, "sales")["type"] = "simpel"


def _made_of_itself(told: dict[str, Any]) -> None:
    _metric(told, "net_sales")["type_params"]["metrics"][0]["name"] = "net_share"


def _filtered_by_itself(told: dict[str, Any]) -> None:
    _metric(told, "web_sales")["filter"] = where("{{ Metric('web_sales', ['customer']) }} > 1")


@pytest.mark.parametrize(
    ("change", "metric", "code", "todo"),
    [
        (_without_time, "refunded", "no-time", "agg_time_dimension"),
        (_without_percentile, "p75_sale", "no-percentile", "percentile"),
        (_with_unknown_aggregate, "sales", "unknown-aggregate", "'sum'"),
        (_with_own_sum, "sales", "nested-aggregate", "SUM(amount)"),
        (_with_window, "net_sales", "nested-aggregate", "LAG(amount) OVER"),
        (_without_measure, "sales", "unknown-measure", "'sales'"),
        (_without_input, "net_sales", "unknown-metric", "'sales'"),
        (_without_entity, "visit_to_order", "unknown-entity", "'customer'"),
        (_with_unknown_window, "sales_28_days", "unknown-grain", "Known: "),
        (_with_unknown_period_to_date, "sales_month_to_date", "unknown-grain", "'month'"),
        (_with_unknown_offset, "sales_1_month_ago", "unknown-grain", "'month'"),
        (_made_of_itself, "net_share", "circular-metric", "inputs"),
        (_filtered_by_itself, "web_sales", "circular-metric", "filters"),
        (_with_unknown_snapshot, "last_stock_by_store", "bad-snapshot", "Its times"),
        (_with_unknown_choice, "last_stock_by_store", "bad-snapshot", "max for the last"),
        (_with_unknown_grouping, "last_stock_by_store", "bad-snapshot", "'store'"),
        (_adding_up_a_stock, "sales_month_to_date", "not-additive", "simple metric"),
        (_with_unknown_type, "sales", "unknown-type", "'simple'"),
        (_without_spines, "orders_filled", "no-time-spine", "time_spine"),
    ],
)
def test_a_definition_is_refused(tmp_path: Path, change: Change, metric: str, code: str, todo: str) -> None:
    told = copy.deepcopy(manifest())
    change(told)
    broken = Market(tmp_path / "semantic_manifest.json", told)
    with pytest.raises(DefinitionError) as caught:
        broken.compiled(metric, "metric_time__month")
    assert caught.value.code == code, str(caught.value)
    assert todo in f"{caught.value.what} {caught.value.todo}", str(caught.value)
