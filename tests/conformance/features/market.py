"""A market of a few rows with traps in every table: its definitions as dbt writes them, and its tables.

Keys are empty or lead nowhere, months and weeks have no rows, one customer orders twice on a leap day,
amounts are negative, zero or missing, and a whole column is empty.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from plumbline.compiler import compile
from tests.conformance.engines import DuckDB, Engine
from tests.conformance.sized import imagined
from tests.unit.definitions.shop import measure, metric, offset, saved_query

DATABASE = "town"
TABLES = """
ATTACH ':memory:' AS town;
USE town;
CREATE SCHEMA market;
CREATE TABLE market.days AS SELECT CAST(d AS DATE) AS date_day,
  DATE '2023-01-01' + 10 * CAST(datediff('day', DATE '2023-01-01', d) // 10 AS INTEGER) AS sprint_start,
  CAST(date_trunc('quarter', d + INTERVAL 1 MONTH) - INTERVAL 1 MONTH AS DATE) AS season
  FROM range(TIMESTAMP '2023-01-01', TIMESTAMP '2024-07-01', INTERVAL 1 DAY) r(d);
CREATE TABLE market.hours AS SELECT d AS hour_start
  FROM range(TIMESTAMP '2024-03-29', TIMESTAMP '2024-04-03', INTERVAL 1 HOUR) r(d);
CREATE TABLE market.months AS SELECT CAST(d AS DATE) AS month_start
  FROM range(TIMESTAMP '2023-01-01', TIMESTAMP '2024-07-01', INTERVAL 1 MONTH) r(d);

CREATE TABLE market.countries (country_id INTEGER, country_name VARCHAR, comment VARCHAR, "end" DATE);
INSERT INTO market.countries VALUES (1, 'Ardenia', 'old', NULL), (2, 'Bor', NULL, '2024-03-31');
CREATE TABLE market.regions (region_id INTEGER, region_name VARCHAR, country_id INTEGER);
INSERT INTO market.regions VALUES (1, 'North', 1), (2, 'South', 1), (3, 'Isles', NULL), (4, 'West', 55);
CREATE TABLE market.customers (customer_id INTEGER, region_id INTEGER, segment VARCHAR, joined_on DATE);
INSERT INTO market.customers VALUES
  (1, 1, 'retail', '2023-01-01'), (2, 2, 'retail', '2023-02-10'), (3, NULL, 'trade', '2023-12-31'),
  (4, 77, 'trade', '2024-02-29'), (5, 3, NULL, NULL), (6, 1, 'trade', '2024-01-31');
CREATE TABLE market.stores (store_id INTEGER, region_id INTEGER, city VARCHAR, opened_on DATE);
INSERT INTO market.stores VALUES
  (1, 1, 'Ada', '2020-02-29'), (2, 3, 'Bex', '2023-03-31'), (3, NULL, 'Cod', NULL),
  (4, 2, 'Dun', '2024-01-01');
CREATE TABLE market.managers (store_id INTEGER, manager VARCHAR, valid_from DATE, valid_to DATE);
INSERT INTO market.managers VALUES
  (1, 'Mia', '2023-01-01', '2024-01-31'), (1, 'Noa', '2024-01-31', '2024-02-29'),
  (1, 'Ole', '2024-02-29', NULL), (2, 'Pia', '2024-01-02', '2024-06-30'), (3, 'Qi', '2024-05-01', NULL);
CREATE TABLE market.products (product_id INTEGER, category VARCHAR);
INSERT INTO market.products VALUES (1, 'fruit'), (2, 'veg'), (3, NULL), (4, 'fruit');

CREATE TABLE market.orders (order_id INTEGER, customer_id INTEGER, store_id INTEGER, order_date DATE,
  ship_date DATE, channel VARCHAR, amount DECIMAL(12, 2), note VARCHAR, is_gift BOOLEAN, weight INTEGER);
INSERT INTO market.orders VALUES
  (1, 1, 1, '2023-01-31', '2023-02-02', 'web', 100, 'a', true, NULL),
  (2, 2, 1, '2023-02-28', '2023-02-28', 'web', 40, NULL, false, NULL),
  (3, 1, 2, '2023-03-31', NULL, 'shop', 60, 'b', NULL, NULL),
  (4, 3, 2, '2024-01-01', '2024-01-03', 'shop', 30, NULL, false, NULL),
  (5, 1, NULL, '2024-01-31', '2024-02-01', 'web', 20, 'c', true, NULL),
  (6, NULL, 1, '2024-01-31', '2024-02-05', NULL, 5, NULL, false, NULL),
  (7, 99, 1, '2024-02-01', '2024-02-01', 'web', 8, NULL, true, NULL),
  (8, 2, 88, '2024-02-29', '2024-03-04', 'phone', 12.5, 'd', false, NULL),
  (9, 2, 1, '2024-02-29', '2024-03-04', 'web', 12.5, 'd', false, NULL),
  (10, 4, 3, '2024-02-29', NULL, 'web', -12.5, NULL, NULL, NULL),
  (11, 1, 1, '2024-03-10', '2024-03-31', 'shop', 45.25, NULL, false, NULL),
  (12, 5, 3, '2024-05-05', '2024-05-06', 'web', 0, NULL, true, NULL),
  (13, 5, 3, '2024-05-31', '2024-06-30', 'shop', NULL, 'e', false, NULL),
  (14, 3, 2, '2024-06-30', NULL, 'phone', 77.77, NULL, NULL, NULL);
CREATE TABLE market.lines (line_id INTEGER, order_id INTEGER, product_id INTEGER, line_date DATE,
  quantity INTEGER, price DECIMAL(12, 2));
INSERT INTO market.lines VALUES
  (1, 1, 1, '2023-01-31', 3, 20), (2, 1, 2, '2023-01-31', 1, 30), (3, 1, 1, '2023-01-31', 1, 10),
  (4, 3, 4, '2023-03-31', 6, 10), (5, 4, 3, '2024-01-01', 2, 15), (6, 5, NULL, '2024-01-31', 1, 20),
  (7, 8, 99, '2024-02-29', 5, 2.5), (8, 77, 1, '2024-02-29', 4, 1), (9, NULL, 2, '2024-03-10', 7, 1),
  (10, 14, 2, '2024-06-30', -2, 5), (11, 10, 1, '2024-02-29', 1, 12.5);
CREATE TABLE market.refunds (refund_id INTEGER, customer_id INTEGER, store_id INTEGER, refund_date DATE,
  refund DECIMAL(12, 2));
INSERT INTO market.refunds VALUES
  (1, 1, 1, '2023-02-05', 10), (2, 3, NULL, '2024-01-31', 30), (3, NULL, 2, '2024-02-29', 4),
  (4, 98, 1, '2024-04-15', 6), (5, 6, 1, '2024-04-15', 1.5), (6, 2, 1, '2024-02-29', NULL);
CREATE TABLE market.visits (visit_id INTEGER, customer_id INTEGER, visited_on DATE, source VARCHAR);
INSERT INTO market.visits VALUES
  (1, 1, '2024-01-24', 'web'), (2, 1, '2024-01-25', 'web'), (3, 1, '2024-01-31', 'shop'),
  (4, 2, '2024-02-22', 'phone'), (5, 2, '2024-02-23', 'web'), (6, 3, '2024-01-02', 'web'),
  (7, NULL, '2024-01-30', 'web'), (8, 4, '2024-02-29', 'web'), (9, 5, '2024-04-28', 'web'),
  (10, 5, '2024-05-30', 'shop'), (11, 6, '2024-05-30', NULL), (12, 3, '2024-06-30', 'phone');
CREATE TABLE market.stock (stock_id INTEGER, store_id INTEGER, product_id INTEGER, stock_date DATE,
  on_hand INTEGER);
INSERT INTO market.stock VALUES
  (1, 1, 1, '2024-01-05', 10), (2, 1, 2, '2024-01-05', 4), (3, 2, 1, '2024-01-31', 7),
  (4, 1, 1, '2024-02-01', 3), (5, 1, 1, '2024-02-01', 2), (6, 2, 1, '2024-02-29', 0),
  (7, NULL, 1, '2024-02-10', 9), (8, NULL, 2, '2024-02-29', 6), (9, 77, 3, '2024-04-30', -1),
  (10, 1, 2, '2024-04-30', NULL);
CREATE TABLE market.ads (ad_id INTEGER, part DATE, campaign VARCHAR);
INSERT INTO market.ads VALUES
  (1, '2024-01-01', 'new year'), (1, '2024-01-02', 'sale'), (2, '2024-01-01', NULL),
  (3, '2024-01-02', 'sale');
CREATE TABLE market.clicks (click_id INTEGER, ad_id INTEGER, part DATE);
INSERT INTO market.clicks VALUES
  (1, 1, '2024-01-01'), (2, 1, '2024-01-02'), (3, 1, '2024-01-03'), (4, 2, '2024-01-01'),
  (5, 3, '2024-01-01'),
  (6, 3, '2024-01-02'), (7, NULL, '2024-01-02');
CREATE TABLE market.readings (reading_id INTEGER, store_id INTEGER, read_at TIMESTAMP, watts INTEGER);
INSERT INTO market.readings VALUES
  (1, 1, '2024-03-30 23:10:00', 5), (2, 1, '2024-03-31 01:59:59', 7), (3, 1, '2024-03-31 02:30:00', 11),
  (4, 2, '2024-03-31 02:30:00', 13), (5, NULL, '2024-03-31 03:00:00', 17), (6, 1, '2024-04-01 00:00:00', 19),
  (7, 1, '2024-04-01 23:59:59', NULL), (8, 2, '2024-04-02 02:30:00', 23);
"""


def entity(name: str, kind: str, expr: str | None = None) -> dict[str, Any]:
    return {"name": name, "type": kind, "expr": expr or f"{name}_id", "role": None}


def dimension(name: str, expr: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "categorical",
        "expr": expr,
        "is_partition": False,
        "type_params": None,
        **more,
    }


def time(name: str, expr: str | None = None, grain: str = "day", **more: Any) -> dict[str, Any]:
    params = {"time_granularity": grain, "validity_params": more.pop("validity", None)}
    return {**dimension(name, expr), "type": "time", "type_params": params, **more}


def _relation(name: str) -> dict[str, Any]:
    """Name a table as dbt does, with its database."""
    return {"alias": name, "schema_name": "market", "relation_name": f"{DATABASE}.market.{name}"}


def model(name: str, at: str | None, *parts: dict[str, Any]) -> dict[str, Any]:
    """Describe a table by its entities, dimensions and measures, in any order."""
    kinds = ("primary", "foreign", "unique", "natural")
    return {
        "name": name,
        "defaults": {"agg_time_dimension": at} if at else None,
        "description": f"One row per row of {name}.",
        "node_relation": _relation(name),
        "primary_entity": None,
        "entities": [part for part in parts if part.get("type") in kinds],
        "dimensions": [part for part in parts if part.get("type") in ("categorical", "time")],
        "measures": [part for part in parts if "agg" in part],
        "config": {"meta": {}},
    }


def where(text: str) -> dict[str, Any]:
    return {"where_filters": [{"where_sql_template": text}]}


def window(count: int, grain: str = "day") -> dict[str, Any]:
    return {"count": count, "granularity": grain}


def conversion(
    base: Any, following: Any, calculation: str = "conversion_rate", **more: Any
) -> dict[str, Any]:
    inputs = [{"name": item} if isinstance(item, str) else item for item in (base, following)]
    return {
        "base_measure": inputs[0],
        "conversion_measure": inputs[1],
        "entity": "customer",
        "calculation": calculation,
        "window": None,
        "constant_properties": None,
        **more,
    }


def share(percent: float, *, discrete: bool = False, about: bool = False) -> dict[str, Any]:
    return {"percentile": percent, "use_discrete_percentile": discrete, "use_approximate_percentile": about}


def latest(choice: str = "max", *groupings: str) -> dict[str, Any]:
    return {"name": "stock_date", "window_choice": choice, "window_groupings": list(groupings)}


VALID = ({"is_start": True, "is_end": False}, {"is_start": False, "is_end": True})
# DuckDB gives what lies between two decimals as many digits as they have.
EXACTLY = "CAST(amount AS DECIMAL(18, 6))"
# Longer than what PostgreSQL keeps of a name.
LONG = "what_customers_paid_for_goods_that_were_neither_broken_nor_returned"
WEB = "{{ Dimension('order__channel') }} = 'web'"
SHOP = "{{ Dimension('order__channel') }} = 'shop'"
PHONE = "{{ Dimension('order__channel') }} IN ('phone', 'fax')"

MODELS = [
    model(
        "countries",
        None,
        entity("country", "primary"),
        dimension("country_name"),
        dimension("comment"),
        time("end"),
    ),
    model(
        "regions",
        None,
        entity("region", "primary"),
        entity("country", "foreign"),
        dimension("region_name"),
    ),
    model(
        "customers",
        "joined_on",
        entity("customer", "primary"),
        entity("region", "foreign"),
        dimension("segment"),
        time("joined_on"),
        measure("joiners", expr="1"),
    ),
    model(
        "stores",
        None,
        entity("store", "primary"),
        entity("region", "foreign"),
        dimension("city"),
        time("opened_on"),
    ),
    model(
        "managers",
        None,
        entity("store", "natural"),
        dimension("manager"),
        time("valid_from", validity=VALID[0]),
        time("valid_to", validity=VALID[1]),
    )
    | {"primary_entity": "post"},
    model("products", None, entity("product", "primary"), dimension("category")),
    model(
        "orders",
        "ordered_on",
        entity("order", "primary"),
        entity("customer", "foreign"),
        entity("store", "foreign"),
        dimension("channel"),
        dimension("is_gift"),
        dimension("size", "CASE WHEN amount >= 40 THEN 'big' WHEN amount < 40 THEN 'small' END"),
        time("ordered_on", "order_date"),
        time("shipped_on", "ship_date"),
        time("billed_month", "DATE_TRUNC('month', order_date)", grain="month"),
        time("billed_week", "DATE_TRUNC('week', order_date)", grain="week"),
        measure("orders", expr="1"),
        measure("sales", expr="amount"),
        measure("smallest_sale", "min", "amount"),
        measure("largest_sale", "max", "amount"),
        measure("average_sale", "average", "amount"),
        measure("median_sale", "median", EXACTLY),
        measure("p75_sale", "percentile", EXACTLY, agg_params=share(0.75)),
        measure("p25_sale", "percentile", "amount", agg_params=share(0.25, discrete=True)),
        measure("p90_sale", "percentile", "amount", agg_params=share(0.9)),
        measure("some_gift", "max", "is_gift"),
        measure("all_gifts", "min", "is_gift"),
        measure("buyers", "count_distinct", "customer_id"),
        measure("notes", "count_distinct", "note"),
        measure("gifts", "sum_boolean", "is_gift"),
        measure("noted", "count", "note"),
        measure("total_weight", expr="weight"),
        measure("about_median_sale", "percentile", EXACTLY, agg_params=share(0.5, about=True)),
        measure(f"{LONG}_adds_up", expr="amount"),
        measure(f"{LONG}_is_largest", "max", expr="amount"),
        measure("shipped_sales", expr="amount", agg_time_dimension="shipped_on"),
        measure("monthly_bills", expr="1", agg_time_dimension="billed_month"),
        measure("weekly_bills", expr="1", agg_time_dimension="billed_week"),
    ),
    model(
        "lines",
        "line_date",
        entity("line", "primary"),
        entity("order", "foreign"),
        entity("product", "foreign"),
        time("line_date"),
        measure("quantity"),
        measure("line_value", expr="quantity * price"),
        measure("price_per_further_item", expr="price / (quantity - 1)"),
        dimension("quantity_less_1", "quantity - 1"),
    ),
    model(
        "refunds",
        "refund_date",
        entity("refund", "primary"),
        entity("customer", "foreign"),
        entity("store", "foreign"),
        dimension("payer", "'us'"),
        dimension("copies", "2"),
        dimension(f"{LONG}_at", "store_id"),
        time("refund_date"),
        measure("refunded", expr="refund"),
        measure("refund_count", expr="1"),
    ),
    model(
        "visits",
        "visited_on",
        entity("visit", "primary"),
        entity("customer", "foreign"),
        dimension("source"),
        time("visited_on"),
        measure("visits", expr="1"),
    ),
    model(
        "stock",
        "stock_date",
        entity("stock_row", "primary", "stock_id"),
        entity("store", "foreign"),
        entity("product", "foreign"),
        time("stock_date"),
        measure("last_stock", expr="on_hand", non_additive_dimension=latest()),
        measure("first_stock", expr="on_hand", non_additive_dimension=latest("min")),
        measure("last_stock_by_store", expr="on_hand", non_additive_dimension=latest("max", "store")),
        measure("first_stock_by_store", expr="on_hand", non_additive_dimension=latest("min", "store")),
        measure("average_last_stock", "average", "on_hand", non_additive_dimension=latest()),
    ),
    model(
        "ads",
        None,
        entity("ad", "primary"),
        dimension("campaign"),
        time("part", is_partition=True),
    ),
    model(
        "clicks",
        "part",
        entity("click", "primary"),
        entity("ad", "foreign"),
        time("part", is_partition=True),
        measure("clicks", expr="1"),
    ),
    model(
        "readings",
        "read_at",
        entity("reading", "primary"),
        entity("store", "foreign"),
        time("read_at", grain="hour"),
        measure("watts"),
    ),
]

ITSELF = [item["name"] for part in MODELS for item in part["measures"] if not item["name"].startswith(LONG)]


def cumulative(name: str, taken: Any, agg: str = "first", **more: Any) -> dict[str, Any]:
    params = {"window": None, "grain_to_date": None, "period_agg": agg, **more}
    return metric(name, "cumulative", measure=taken, cumulative_type_params=params)


def shifted(name: str, of: str, count: int, grain: str) -> dict[str, Any]:
    return metric(name, "derived", expr="before", metrics=[offset(of, "before", count, grain)])


def taken(name: str, filter_: str = "", alias: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "alias": alias, "filter": where(filter_) if filter_ else None, **more}


METRICS = [
    *(metric(name, measure=name) for name in ITSELF),
    metric("web_sales", measure="sales", where=WEB),
    metric("web_orders", measure=taken("orders", WEB)),
    metric("web_buyers", measure="buyers", where=WEB),
    metric("shop_notes", measure="noted", where=SHOP),
    metric("phone_largest_sale", measure="largest_sale", where=PHONE),
    metric("retail_sales", measure="sales", where="{{ Dimension('customer__segment') }} = 'retail'"),
    metric("trade_orders", measure="orders", where="{{ Dimension('customer__segment') }} = 'trade'"),
    metric(
        "retail_or_web_sales",
        measure="sales",
        where=f"{{{{ Dimension('customer__segment') }}}} = 'retail' OR {WEB}",
    ),
    metric("big_web_sales", measure=taken("sales", WEB), where="{{ Dimension('order__size') }} = 'big'"),
    metric(
        "sales_of_regulars",
        measure="sales",
        where="{{ Metric('orders', group_by=['customer']) }} >= 2",
    ),
    metric("average_order", "ratio", numerator="sales", denominator="orders"),
    metric("web_share", "ratio", numerator=taken("sales", WEB, "web"), denominator="sales"),
    metric("paid", measure=f"{LONG}_adds_up"),
    metric("paid_at_most", measure=f"{LONG}_is_largest"),
    metric("largest_share", "ratio", numerator="paid_at_most", denominator="paid"),
    metric("orders_per_buyer", "derived", expr="orders / buyers", metrics=[taken("orders"), taken("buyers")]),
    metric("orders_per_gift", "derived", expr="orders / gifts", metrics=[taken("orders"), taken("gifts")]),
    metric("refund_rate", "ratio", numerator="refunded", denominator="sales"),
    metric("retail_web_share", "ratio", numerator="web_sales", denominator="sales")
    | {"filter": where("{{ Dimension('customer__segment') }} = 'retail'")},
    metric("net_sales", "derived", expr="sales - refunded", metrics=[taken("sales"), taken("refunded")]),
    metric("net_share", "derived", expr="net_sales / sales", metrics=[taken("net_sales"), taken("sales")]),
    metric(
        "web_over_shop",
        "derived",
        expr="web - shop",
        metrics=[taken("sales", WEB, "web"), taken("sales", SHOP, "shop")],
    ),
    metric(
        "safe_net_sales",
        "derived",
        expr="COALESCE(sales, 0) - COALESCE(refunded, 0)",
        metrics=[taken("sales"), taken("refunded")],
    ),
    *(
        shifted(f"sales_{count}_{grain}_ago", "sales", count, grain)
        for count, grain in (
            (1, "day"),
            (2, "week"),
            (1, "month"),
            (1, "quarter"),
            (1, "year"),
            (1, "sprint"),
            (1, "season"),
        )
    ),
    metric(
        "sales_growth",
        "derived",
        expr="sales - before",
        metrics=[taken("sales"), offset("sales", "before", 1, "month")],
    ),
    metric(
        "sales_since_month_start",
        "derived",
        expr="sales - at_start",
        metrics=[taken("sales"), taken("sales", alias="at_start", offset_to_grain="month")],
    ),
    metric(
        "web_less_shop_before",
        "derived",
        expr="web - shop",
        metrics=[
            taken("sales", WEB, "web", offset_window=window(1, "month")),
            taken("sales", SHOP, "shop", offset_window=window(2, "month")),
        ],
    ),
    metric(
        "stock_at_month_start",
        "derived",
        expr="last_stock",
        metrics=[taken("last_stock", offset_to_grain="month")],
    ),
    metric(
        "sales_at_month_start",
        "derived",
        expr="sales",
        metrics=[taken("sales", offset_to_grain="month")],
    ),
    shifted("sales_2_months_ago", "sales_1_month_ago", 1, "month"),
    shifted("net_sales_1_month_ago", "net_sales", 1, "month"),
    cumulative("sales_ever", "sales", "last"),
    cumulative("sales_28_days", "sales", "last", window=window(28)),
    cumulative("sales_28_days_first", "sales", "first", window=window(28)),
    cumulative("sales_28_days_average", "sales", "average", window=window(28)),
    cumulative(
        "sales_28_days_filled",
        taken("sales", join_to_timespine=True, fill_nulls_with=0),
        "last",
        window=window(28),
    ),
    cumulative("sales_2_months", "sales", "last", window=window(2, "month")),
    cumulative("sales_60_days", "sales", "last", window=window(60)),
    cumulative(
        "sales_2_months_filled",
        taken("sales", join_to_timespine=True, fill_nulls_with=0),
        "last",
        window=window(2, "month"),
    ),
    cumulative("smallest_2_months", "smallest_sale", "last", window=window(2, "month")),
    cumulative("average_2_months", "average_sale", "last", window=window(2, "month")),
    cumulative("some_gift_2_months", "some_gift", "last", window=window(2, "month")),
    cumulative("median_28_days", "median_sale", "last", window=window(28)),
    cumulative("p25_2_months", "p25_sale", "last", window=window(2, "month")),
    cumulative("p75_month_to_date", "p75_sale", "last", grain_to_date="month"),
    shifted("sales_2_months_1_month_ago", "sales_2_months", 1, "month"),
    cumulative("sales_month_to_date", "sales", "last", grain_to_date="month"),
    cumulative("sales_year_to_date", "sales", "last", grain_to_date="year"),
    cumulative("refunded_ever", "refunded", "last"),
    cumulative("smallest_ever", "smallest_sale", "last"),
    cumulative("some_gift_ever", "some_gift", "last"),
    cumulative("average_28_days", "average_sale", "last", window=window(28)),
    cumulative("buyers_28_days", "buyers", "last", window=window(28)),
    cumulative("buyers_ever", "buyers", "last"),
    cumulative("buyers_month_to_date", "buyers", "last", grain_to_date="month"),
    cumulative("buyers_year_to_date", "buyers", "last", grain_to_date="year"),
    cumulative("buyers_2_months", "buyers", "last", window=window(2, "month")),
    cumulative("notes_28_days", "notes", "last", window=window(28)),
    cumulative("buyers_28_days_average", "buyers", "average", window=window(28)),
    shifted("buyers_ever_1_month_ago", "buyers_ever", 1, "month"),
    cumulative("median_ever", "median_sale", "last"),
    cumulative("web_sales_ever", taken("sales", WEB), "last"),
    shifted("sales_ever_1_month_ago", "sales_ever", 1, "month"),
    metric("visit_to_order", "conversion", conversion_type_params=conversion("visits", "orders")),
    metric(
        "visit_to_order_week",
        "conversion",
        conversion_type_params=conversion("visits", "orders", window=window(7)),
    ),
    metric(
        "visit_to_web_order",
        "conversion",
        conversion_type_params=conversion("visits", taken("orders", WEB), window=window(31)),
    ),
    metric(
        "visit_to_buyers",
        "conversion",
        conversion_type_params=conversion("visits", "buyers", window=window(7)),
    ),
    metric(
        "order_to_refund",
        "conversion",
        conversion_type_params=conversion("orders", "refund_count"),
    ),
    metric(
        "orders_after_visit",
        "conversion",
        conversion_type_params=conversion("visits", "orders", "conversions", window=window(7)),
    ),
    *(
        metric(
            f"{grain}ly_bills_after_visit",
            "conversion",
            conversion_type_params=conversion(
                "visits", f"{grain}ly_bills", "conversions", window=window(2, grain)
            ),
        )
        for grain in ("week", "month")
    ),
    metric(
        "orders_after_visit_filled",
        "conversion",
        conversion_type_params=conversion(
            "visits", taken("orders", fill_nulls_with=0), "conversions", window=window(7)
        ),
    ),
    metric(
        "orders_after_visit_on_spine",
        "conversion",
        conversion_type_params=conversion(
            "visits", taken("orders", join_to_timespine=True), "conversions", window=window(7)
        ),
    ),
    metric(
        "visit_to_same_channel",
        "conversion",
        conversion_type_params=conversion(
            "visits",
            "orders",
            "conversions",
            constant_properties=[{"base_property": "source", "conversion_property": "channel"}],
        ),
    ),
    metric(
        "web_visit_to_order",
        "conversion",
        conversion_type_params=conversion(
            taken("visits", "{{ Dimension('visit__source') }} = 'web'"), "orders", window=window(7)
        ),
    ),
    metric("orders_on_spine", measure=taken("orders", join_to_timespine=True)),
    metric("orders_filled", measure=taken("orders", join_to_timespine=True, fill_nulls_with=0)),
    metric("sales_filled", measure=taken("sales", join_to_timespine=True, fill_nulls_with=0)),
    metric("orders_or_zero", measure=taken("orders", fill_nulls_with=0)),
    metric("refunds_or_zero", measure=taken("refunded", fill_nulls_with=0)),
    metric(
        "net_sales_filled",
        "derived",
        expr="sales - refunds_or_zero",
        metrics=[taken("sales"), taken("refunds_or_zero")],
    ),
    metric(
        "orders_filled_twice",
        "derived",
        expr="orders_filled * 2",
        metrics=[taken("orders_filled")],
    ),
    shifted("orders_filled_1_month_ago", "orders_filled", 1, "month"),
    cumulative("watts_24_hours", "watts", "last", window=window(24, "hour")),
    cumulative("watts_2_days", "watts", "last", window=window(2)),
    metric("watts_filled", measure=taken("watts", join_to_timespine=True, fill_nulls_with=0)),
    shifted("watts_1_hour_ago", "watts", 1, "hour"),
    shifted("watts_1_sprint_ago", "watts", 1, "sprint"),
]

SAVED = [
    saved_query("monthly", ["sales", "orders"], ["TimeDimension('metric_time', 'month')"]),
    saved_query("best_segments", ["sales"], ["Dimension('customer__segment')", "Entity('store')"]),
]
SAVED[1]["query_params"] |= {
    "order_by": ["Metric('sales').descending(True)"],
    "limit": 2,
    "where": where(WEB),
}


def _spine(name: str, column: str, grain: str, calendar: tuple[tuple[str, str | None], ...] = ()) -> Any:
    return {
        "node_relation": _relation(name),
        "primary_column": {"name": column, "time_granularity": grain},
        "custom_granularities": [{"name": one, "column_name": other} for one, other in calendar],
    }


def manifest() -> dict[str, Any]:
    """Give the definitions as dbt 1.11 writes them: metrics over measures."""
    return {
        "semantic_models": MODELS,
        "metrics": METRICS,
        "project_configuration": {
            "time_spine_table_configurations": [],
            "dsi_package_version": {"major_version": "0", "minor_version": "9", "patch_version": "0"},
            "time_spines": [
                _spine("days", "date_day", "day", (("sprint", "sprint_start"), ("season", None))),
                _spine("hours", "hour_start", "hour"),
                _spine("months", "month_start", "month"),
            ],
        },
        "saved_queries": SAVED,
    }


def newer() -> dict[str, Any]:
    """Give the same definitions as dbt 1.12 writes them: metrics that aggregate by themselves."""
    told = copy.deepcopy(manifest())
    measures = {
        item["name"]: {"semantic_model": part["name"], **item}
        for part in told["semantic_models"]
        for item in part.pop("measures")
    }
    for item in told["metrics"]:
        _aggregate_itself(item, measures)
    return told


_AGGREGATION = ("semantic_model", "agg", "agg_params", "agg_time_dimension", "non_additive_dimension")


def _aggregate_itself(item: dict[str, Any], measures: Mapping[str, dict[str, Any]]) -> None:
    params = item["type_params"]
    if item["type"] == "simple":
        used = params["measure"]
        params["measure"] = None
        params["metric_aggregation_params"] = {key: measures[used["name"]].get(key) for key in _AGGREGATION}
        params["expr"] = measures[used["name"]]["expr"] or used["name"]
        params["fill_nulls_with"] = used.get("fill_nulls_with")
        params["join_to_timespine"] = bool(used.get("join_to_timespine"))
        filters = [
            part for text in (used.get("filter"), item["filter"]) if text for part in text["where_filters"]
        ]
        item["filter"] = {"where_filters": filters} if filters else None
    elif item["type"] == "cumulative":
        used = params.pop("measure")
        # A metric that fills itself takes the place of the measure that was filled.
        filled = "fill_nulls_with" in used
        params["cumulative_type_params"]["metric"] = {"name": "sales_filled"} if filled else used
    elif item["type"] == "conversion":
        told = params["conversion_type_params"]
        told["base_metric"] = told.pop("base_measure")
        told["conversion_metric"] = told.pop("conversion_measure")
        if "fill_nulls_with" in told["conversion_metric"]:
            told["conversion_metric"] = {"name": "orders_or_zero"}
        if "join_to_timespine" in told["conversion_metric"]:
            told["conversion_metric"] = {"name": "orders_on_spine"}


class Rows(list[tuple[Any, ...]]):
    """Rows in a form fit for comparison, which remember what gave them."""

    def __init__(self, rows: list[tuple[Any, ...]], asked: Any, sql: str) -> None:
        super().__init__(rows)
        self.asked, self.sql = asked, sql


class Market:
    """Answers through the compiler on an engine, and through SQL by hand on DuckDB."""

    def __init__(self, path: Path, content: Mapping[str, Any] | None = None) -> None:
        self.manifest = path
        path.write_text(json.dumps(content or manifest()), encoding="utf-8")
        self.con = duckdb.connect()
        self.con.execute(TABLES)
        self.engine: Engine = DuckDB(self.con)
        self.sizes = imagined(self.con)
        # How many statements were others because of sizes.
        self.rewritten = 0

    def compiled(self, metrics: str, by: str = "", **query: Any) -> str:
        """Compile metrics by columns, both as words."""
        return self.compiled_as(_query(metrics, by, query))

    def compiled_as(self, query: Mapping[str, Any]) -> str:
        """Compile a query as it is."""
        return compile(self.manifest, query, self.engine.dialect)

    def ask(self, metrics: str, by: str = "", **query: Any) -> Rows:
        """Answer through the compiler: sorted, unless an order is asked for."""
        return self.ask_as(_query(metrics, by, query))

    def ask_as(self, query: Mapping[str, Any]) -> Rows:
        """Answer a query as it is."""
        sql = self.compiled_as(query)
        ordered = bool(query.get("order_by") or query.get("saved_query"))
        found = _rows(self.engine.rows(sql), sql, query, ordered=ordered)
        if isinstance(self.engine, DuckDB):
            self._require_the_same(query, sql)
        return found

    def _require_the_same(self, query: Mapping[str, Any], sql: str) -> None:
        """Hold the SQL for tables of other sizes to the same rows, digits and types."""
        texts = {compile(self.manifest, query, self.engine.dialect, sizes=sizes) for sizes in self.sizes}
        self.rewritten += len(texts - {sql})
        for text in texts - {sql}:
            assert _typed(self.con, text) == _typed(self.con, sql), f"{query}\n{text}\nis not\n{sql}"

    def columns(self, metrics: str, by: str = "", **query: Any) -> list[str]:
        """Name the columns of an answer."""
        return self.engine.columns(self.compiled(metrics, by, **query))

    def sql(self, text: str, *, ordered: bool = False) -> Rows:
        """Answer by SQL written by hand, in the same form."""
        return _rows(self.con.execute(text).fetchall(), text, None, ordered=ordered)


def _typed(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[Any], list[str]]:
    answer = con.execute(sql)
    return [str(item[1]) for item in answer.description or ()], sorted(map(repr, answer.fetchall()))


def _rows(found: list[tuple[Any, ...]], sql: str, asked: Any, *, ordered: bool) -> Rows:
    rows = [tuple(map(plain, row)) for row in found]
    return Rows(rows if ordered else sorted(rows, key=_in_order), asked, sql)


def _query(metrics: str, by: str, query: Mapping[str, Any]) -> dict[str, Any]:
    return {"metrics": metrics.split(), "group_by": by.split(), **query}


def _in_order(row: tuple[Any, ...]) -> list[tuple[bool, str]]:
    return [(item is None, str(item)) for item in row]


def plain(value: Any) -> Any:
    """Bring a value into the form that is compared: moments as text, numbers as floats."""
    if value is None or isinstance(value, str | bool):
        return value
    if hasattr(value, "isoformat"):
        return str(value).removesuffix(" 00:00:00")
    return round(float(value), 9)
