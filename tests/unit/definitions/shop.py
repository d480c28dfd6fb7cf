"""A small company of definitions for tests: a semantic manifest as dbt writes it, and its marts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARTS = """
CREATE SCHEMA marts;
CREATE TABLE marts.days AS SELECT CAST(d AS DATE) AS date_day
  FROM range(DATE '2023-12-01', DATE '2025-03-16', INTERVAL 1 DAY) r(d);
CREATE TABLE marts.orders (order_id INTEGER, order_date DATE, customer_id INTEGER, product_id INTEGER,
  amount DECIMAL(18, 4), cost DECIMAL(18, 4), number_of_customer INTEGER);
CREATE TABLE marts.products (product_id INTEGER, category VARCHAR);
CREATE TABLE marts.stock (product_id INTEGER, stock_date DATE, quantity BIGINT);
"""


def measure(name: str, agg: str = "sum", expr: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "agg": agg, "expr": expr, "agg_params": None, "create_metric": False, **more}


def meta(**changes: Any) -> dict[str, Any]:
    return {
        "label_zh": "指标",
        "synonyms": ["one"],
        "synonyms_zh": ["一"],
        "domain": "sales",
        "owner": {"department": "Sales", "role": "Head of sales"},
        "level": "process",
        "unit": "count",
        "direction": "up",
        "sources": ["erp.sales_order_header"],
        "review_date": "2999-12-31",
        "version": "1.0",
        "status": "certified",
        **changes,
    }


def metric(
    name: str, type_: str = "simple", *, where: str = "", told: Any = None, **params: Any
) -> dict[str, Any]:
    given = {key: _input(value) if key in _INPUTS else value for key, value in params.items()}
    return {
        "name": name,
        "description": f"What {name} is.",
        "type": type_,
        "type_params": {**dict.fromkeys(_PARAMS), "metrics": [], "input_measures": [], **given},
        "filter": {"where_filters": [{"where_sql_template": where}]} if where else None,
        "metadata": None,
        "label": name.replace("_", " ").capitalize(),
        "config": {"meta": meta() if told is None else told},
        "time_granularity": None,
    }


_INPUTS = ("measure", "numerator", "denominator")
_PARAMS = (
    "measure",
    "numerator",
    "denominator",
    "expr",
    "window",
    "grain_to_date",
    "conversion_type_params",
    "cumulative_type_params",
)


def _input(value: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"name": value} if isinstance(value, str) else dict(value)


def model(
    name: str,
    time: str | None,
    entities: Mapping[str, str],
    dimensions: Mapping[str, str],
    measures: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "name": name,
        "defaults": {"agg_time_dimension": time} if time else None,
        "description": f"One row per row of {name}.",
        "node_relation": {
            "alias": name,
            "schema_name": "marts",
            "database": "warehouse",
            "relation_name": f'"warehouse"."marts"."{name}"',
        },
        "primary_entity": None,
        "entities": [
            {"name": entity, "type": kind, "expr": f"{entity}_id", "role": None}
            for entity, kind in entities.items()
        ],
        "dimensions": [_dimension(dimension, kind) for dimension, kind in dimensions.items()],
        "measures": measures,
        "config": {"meta": {}},
    }


def _dimension(name: str, kind: str) -> dict[str, Any]:
    params = {"time_granularity": "day", "validity_params": None} if kind == "time" else None
    told = {"meta": {"label_zh": f"维度{name}"}}
    return {
        "name": name,
        "type": kind,
        "is_partition": False,
        "type_params": params,
        "label": name,
        "config": told,
    }


def saved_query(name: str, metrics: list[str], group_by: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "query_params": {
            "metrics": metrics,
            "group_by": group_by,
            "order_by": [],
            "limit": None,
            "where": None,
        },
        "description": f"One row per row of {name}.",
        "label": name,
        "exports": [],
    }


def offset(name: str, alias: str, count: int, grain: str) -> dict[str, Any]:
    return {"name": name, "alias": alias, "offset_window": {"count": count, "granularity": grain}}


LAST = {"name": "stock_date", "window_choice": "max", "window_groupings": []}
FIRST_ORDERS = "{{ Dimension('order__number_of_customer') }} = 1"


def manifest() -> dict[str, Any]:
    """Orders of customers for products, and stock: every kind of metric once."""
    return {
        "semantic_models": [
            model(
                "orders",
                "order_date",
                {"order": "primary", "customer": "foreign", "product": "foreign"},
                {"order_date": "time", "number_of_customer": "categorical"},
                [
                    measure("order_count", expr="1"),
                    measure("amount"),
                    measure("cost"),
                    measure("customer_count", "count_distinct", "customer_id"),
                    measure(
                        "second_order_count", "count", "case when number_of_customer = 2 then order_id end"
                    ),
                ],
            ),
            model("products", None, {"product": "primary"}, {"category": "categorical"}, []),
            model(
                "stock",
                "stock_date",
                {"stock_line": "primary", "product": "foreign"},
                {"stock_date": "time"},
                [measure("stock_quantity", expr="quantity", non_additive_dimension=LAST)],
            ),
        ],
        "metrics": [
            metric("orders", measure="order_count"),
            metric("sales", measure="amount", told=meta(unit="currency", label_zh="销售额")),
            metric("costs", measure="cost"),
            metric("customers", measure="customer_count"),
            metric("first_orders", measure="order_count", where=FIRST_ORDERS),
            metric("second_orders", measure="second_order_count"),
            metric("stock", measure="stock_quantity", told=meta(sources=["erp.stock|erp.stock_count"])),
            metric(
                "order_value", "ratio", numerator="sales", denominator="orders", told=meta(unit="currency")
            ),
            metric("profit", "derived", expr="sales - costs", metrics=[_input("sales"), _input("costs")]),
            metric("margin", "ratio", numerator="profit", denominator="sales", told=meta(unit="ratio")),
            metric(
                "sales_growth",
                "derived",
                expr="sales / nullif(sales_before, 0) - 1",
                metrics=[_input("sales"), offset("sales", "sales_before", 1, "year")],
            ),
            metric(
                "sales_to_date", "cumulative", measure="amount", cumulative_type_params=cumulative("year")
            ),
            metric(
                "recent_sales", "cumulative", measure="amount", cumulative_type_params=cumulative(days=28)
            ),
            metric(
                "recent_customers",
                "cumulative",
                measure="customer_count",
                cumulative_type_params=cumulative(days=28),
            ),
            metric(
                "came_back",
                "conversion",
                conversion_type_params={
                    "base_measure": {
                        "name": "order_count",
                        "filter": {"where_filters": [{"where_sql_template": FIRST_ORDERS}]},
                    },
                    "conversion_measure": {"name": "second_order_count", "fill_nulls_with": 0},
                    "entity": "customer",
                    "calculation": "conversion_rate",
                    "window": {"count": 30, "granularity": "day"},
                    "constant_properties": None,
                },
            ),
            metric("orders_ever", measure="order_count", told=meta(grains=["all"])),
        ],
        "project_configuration": {
            "time_spine_table_configurations": [],
            "dsi_package_version": {"major_version": "0", "minor_version": "9", "patch_version": "0"},
            "time_spines": [
                {
                    "node_relation": {
                        "alias": "days",
                        "schema_name": "marts",
                        "database": "warehouse",
                        "relation_name": '"warehouse"."marts"."days"',
                    },
                    "primary_column": {"name": "date_day", "time_granularity": "day"},
                    "custom_granularities": [],
                }
            ],
        },
        "saved_queries": [
            saved_query(
                "sales_monthly", ["orders", "sales", "order_value"], ["TimeDimension('metric_time', 'month')"]
            ),
            saved_query(
                "sales_by_category_monthly",
                ["sales", "margin", "sales_growth"],
                ["TimeDimension('metric_time', 'month')", "Dimension('product__category')"],
            ),
            saved_query("stock_monthly", ["stock"], ["TimeDimension('metric_time', 'month')"]),
        ],
    }


def cumulative(grain_to_date: str | None = None, *, days: int = 0) -> dict[str, Any]:
    window = {"count": days, "granularity": "day"} if days else None
    return {"window": window, "grain_to_date": grain_to_date, "period_agg": "last"}


def write(path: Path, content: Mapping[str, Any] | None = None) -> Path:
    """Write a manifest where dbt would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content or manifest()), encoding="utf-8")
    return path
