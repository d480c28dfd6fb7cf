"""A large company for benchmarks: its definitions, and tables of any size."""

from __future__ import annotations

from typing import Any

import duckdb

from tests.unit.definitions.shop import (
    cumulative,
    manifest,
    measure,
    metric,
    model,
)

DAYS = 1096
CHANNELS = 6

_DATA = f"""
CREATE SCHEMA marts;
CREATE TABLE marts.days AS SELECT CAST(d AS DATE) AS date_day
  FROM range(DATE '2022-01-01', DATE '2022-01-01' + INTERVAL {DAYS} DAY, INTERVAL 1 DAY) r(d);
CREATE TABLE marts.products AS
  SELECT i::INTEGER AS product_id, 'category ' || i % 12 AS category FROM range(500) r(i);
CREATE TABLE marts.regions AS SELECT i::INTEGER AS region_id, 'region ' || i AS region FROM range(9) r(i);
CREATE TABLE marts.customers AS
  SELECT i::INTEGER AS customer_id, (hash(i) % 10)::INTEGER AS region_id FROM range({{rows}} // 40) r(i);
CREATE TABLE marts.orders AS
  SELECT i::INTEGER AS order_id, (DATE '2022-01-01' + (i * {DAYS} // {{rows}})::INTEGER) AS order_date,
    (hash(i) % ({{rows}} // 40))::INTEGER AS customer_id, (hash(i + 1) % 500)::INTEGER AS product_id,
    'channel ' || hash(i + 4) % {CHANNELS} AS channel,
    (1 + hash(i + 2) % 100000 / 100)::DECIMAL(18, 4) AS amount,
    (hash(i + 3) % 50000 / 100)::DECIMAL(18, 4) AS cost, 0 AS number_of_customer
  FROM range({{rows}}) r(i);
CREATE OR REPLACE TABLE marts.orders AS
  SELECT * REPLACE (
    row_number() OVER (PARTITION BY customer_id ORDER BY order_id)::INTEGER AS number_of_customer)
  FROM marts.orders ORDER BY order_id;
CREATE TABLE marts.refunds AS
  SELECT order_id AS refund_id, order_date + 3 AS refund_date, customer_id, amount / 2 AS refund
  FROM marts.orders WHERE order_id % 10 = 0;
CREATE TABLE marts.visits AS
  SELECT i::INTEGER AS visit_id,
    (DATE '2022-01-01' + (i * {DAYS} // ({{rows}} // 2))::INTEGER) AS visit_date,
    (hash(i * 31 + 7) % ({{rows}} // 40))::INTEGER AS customer_id
  FROM range({{rows}} // 2) r(i);
CREATE TABLE marts.stock AS
  SELECT product_id, date_day AS stock_date, hash(product_id, date_day) % 100 AS quantity
  FROM marts.products, marts.days;
"""


def tables(rows: int) -> duckdb.DuckDBPyConnection:
    """Fill the tables: so many orders, and of the rest what belongs to them."""
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS warehouse; USE warehouse")
    con.execute(_DATA.format(rows=rows))
    con.execute("SET threads = 1")
    return con


def definitions() -> dict[str, Any]:
    """Give the shop's definitions, and those of what else the benchmarks ask."""
    content = manifest()
    content["semantic_models"][0]["dimensions"].append(_channel())
    content["semantic_models"] += _more_models()
    content["metrics"] += [*_more_metrics(), *(_of_channel(number) for number in range(CHANNELS))]
    return content


def _channel() -> dict[str, Any]:
    found: dict[str, Any] = model("", None, {}, {"channel": "categorical"}, [])["dimensions"][0]
    return found


def _more_models() -> list[dict[str, Any]]:
    return [
        model("customers", None, {"customer": "primary", "region": "foreign"}, {}, []),
        model("regions", None, {"region": "primary"}, {"region_name": "categorical"}, [])
        | {"dimensions": [_named_region()]},
        model(
            "refunds",
            "refund_date",
            {"refund": "primary", "customer": "foreign"},
            {"refund_date": "time"},
            [measure("refunded", expr="refund")],
        ),
        model(
            "visits",
            "visit_date",
            {"visit": "primary", "customer": "foreign"},
            {"visit_date": "time"},
            [measure("visit_count", expr="1")],
        ),
    ]


def _named_region() -> dict[str, Any]:
    (found,) = model("", None, {}, {"region_name": "categorical"}, [])["dimensions"]
    return {**found, "expr": "region"}


def _more_metrics() -> list[dict[str, Any]]:
    channel = {"where_filters": [{"where_sql_template": "{{ Dimension('order__channel') }} = 'channel 1'"}]}
    share = {"name": "sales", "filter": channel, "alias": "of_channel"}
    ever = {"window": None, "grain_to_date": None, "period_agg": "last"}
    two_months = {**ever, "window": {"count": 2, "granularity": "month"}}
    return [
        metric("refunds", measure="refunded"),
        metric("visits", measure="visit_count"),
        metric("channel_share", "ratio", numerator=share, denominator="sales"),
        metric("refund_rate", "ratio", numerator="refunds", denominator="sales"),
        metric("sales_ever", "cumulative", measure="amount", cumulative_type_params=ever),
        metric("sales_mtd", "cumulative", measure="amount", cumulative_type_params=cumulative("month")),
        metric("sales_2_months", "cumulative", measure="amount", cumulative_type_params=two_months),
        metric("bought_in_a_week", "conversion", conversion_type_params=_conversion()),
    ]


def _conversion() -> dict[str, Any]:
    return {
        "base_measure": {"name": "visit_count"},
        "conversion_measure": {"name": "order_count"},
        "entity": "customer",
        "calculation": "conversion_rate",
        "window": {"count": 7, "granularity": "day"},
        "constant_properties": None,
    }


def _of_channel(number: int) -> dict[str, Any]:
    where = f"{{{{ Dimension('order__channel') }}}} = 'channel {number}'"
    return metric(f"sales_of_channel_{number}", measure="amount", where=where)
