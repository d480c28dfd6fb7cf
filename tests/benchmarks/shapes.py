"""Compiled SQL beside the best SQL that a person would write, shape by shape: the times as ratios.

`python -m tests.benchmarks.shapes [ROWS]` (default 5,000,000 orders of three years) prints milliseconds of
CPU of the best of several turns on one thread, and exits with 1 when answers differ.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from plumbline.compiler import compile
from tests.unit.definitions import shop

ROWS = 5_000_000
TURNS = 5
DAYS = 1096

DATA = f"""
CREATE SCHEMA marts;
CREATE TABLE marts.days AS SELECT CAST(d AS DATE) AS date_day
  FROM range(DATE '2022-01-01', DATE '2022-01-01' + INTERVAL {DAYS} DAY, INTERVAL 1 DAY) r(d);
CREATE TABLE marts.products AS
  SELECT i::INTEGER AS product_id, 'category ' || i % 12 AS category FROM range(500) r(i);
CREATE TABLE marts.orders AS
  SELECT i::INTEGER AS order_id, (DATE '2022-01-01' + (i * {DAYS} // {{rows}})::INTEGER) AS order_date,
    (hash(i) % ({{rows}} // 40))::INTEGER AS customer_id, (hash(i + 1) % 500)::INTEGER AS product_id,
    (1 + hash(i + 2) % 100000 / 100)::DECIMAL(18, 4) AS amount,
    (hash(i + 3) % 50000 / 100)::DECIMAL(18, 4) AS cost, 0 AS number_of_customer
  FROM range({{rows}}) r(i);
CREATE OR REPLACE TABLE marts.orders AS
  SELECT * REPLACE (
    row_number() OVER (PARTITION BY customer_id ORDER BY order_id)::INTEGER AS number_of_customer)
  FROM marts.orders ORDER BY order_id;
CREATE TABLE marts.stock AS
  SELECT product_id, date_day AS stock_date, hash(product_id, date_day) % 100 AS quantity
  FROM marts.products, marts.days;
"""
MONTH = "CAST(date_trunc('month', order_date) AS DATE)"


@dataclass(frozen=True)
class Shape:
    """A question, and how a person who knows the data would ask it."""

    name: str
    metrics: str
    by: str
    best: str
    where: tuple[str, ...] = ()


SHAPES = (
    Shape(
        "sum by month",
        "sales",
        "metric_time__month",
        f"SELECT {MONTH}, sum(amount) FROM marts.orders GROUP BY 1",
    ),
    Shape(
        "sum by a joined dimension",
        "sales",
        "product__category",
        """SELECT category, sum(amount)
        FROM marts.orders LEFT JOIN marts.products USING (product_id) GROUP BY 1""",
    ),
    Shape(
        "five metrics of one table",
        "sales costs orders profit margin",
        "metric_time__month product__category",
        f"""SELECT {MONTH}, category, sum(amount), sum(cost), count(*), sum(amount) - sum(cost),
            (sum(amount) - sum(cost))::DOUBLE / nullif(sum(amount), 0)
        FROM marts.orders LEFT JOIN marts.products USING (product_id) GROUP BY ALL""",
    ),
    Shape(
        "a filtered metric beside another",
        "first_orders orders",
        "metric_time__month",
        f"SELECT {MONTH}, sum(1) FILTER (number_of_customer = 1), count(*) FROM marts.orders GROUP BY 1",
    ),
    Shape(
        "distinct customers by month",
        "customers",
        "metric_time__month",
        f"SELECT {MONTH}, count(DISTINCT customer_id) FROM marts.orders GROUP BY 1",
    ),
    Shape(
        "growth on the year before",
        "sales_growth",
        "metric_time__month",
        f"""WITH monthly AS (SELECT {MONTH} AS month, sum(amount) AS sales FROM marts.orders GROUP BY 1)
        SELECT coalesce(now.month, before.month + INTERVAL 1 YEAR), now.sales / nullif(before.sales, 0) - 1
        FROM monthly AS now FULL JOIN monthly AS before ON now.month = before.month + INTERVAL 1 YEAR
        WHERE coalesce(now.month, before.month + INTERVAL 1 YEAR) <= DATE '2024-12-31'""",
    ),
    Shape(
        "year to date by day",
        "sales_to_date",
        "metric_time__day",
        """WITH daily AS (SELECT order_date, sum(amount) AS sales FROM marts.orders GROUP BY 1)
        SELECT date_day, sum(sales) OVER (PARTITION BY year(date_day) ORDER BY date_day)
        FROM marts.days LEFT JOIN daily ON order_date = date_day""",
    ),
    Shape(
        "28 days by day",
        "recent_sales",
        "metric_time__day",
        """WITH daily AS (SELECT order_date, sum(amount) AS sales FROM marts.orders GROUP BY 1)
        SELECT date_day, sum(sales) OVER (ORDER BY date_day RANGE INTERVAL 27 DAY PRECEDING)
        FROM marts.days LEFT JOIN daily ON order_date = date_day""",
    ),
    Shape(
        "28 days by day and category",
        "recent_sales",
        "metric_time__day product__category",
        """WITH daily AS (
            SELECT order_date, category, sum(amount) AS sales
            FROM marts.orders LEFT JOIN marts.products USING (product_id) GROUP BY ALL),
        members AS (SELECT DISTINCT category FROM daily)
        SELECT date_day, members.category, sum(sales) OVER (
            PARTITION BY members.category ORDER BY date_day RANGE INTERVAL 27 DAY PRECEDING) AS total
        FROM (marts.days CROSS JOIN members) LEFT JOIN daily
            ON order_date = date_day AND daily.category IS NOT DISTINCT FROM members.category
        QUALIFY total IS NOT NULL""",
    ),
    Shape(
        "all time by day and category",
        "sales_ever",
        "metric_time__day product__category",
        """WITH daily AS (
            SELECT order_date, category, sum(amount) AS sales
            FROM marts.orders LEFT JOIN marts.products USING (product_id) GROUP BY ALL),
        members AS (SELECT DISTINCT category FROM daily)
        SELECT date_day, members.category, sum(sales) OVER (
            PARTITION BY members.category ORDER BY date_day) AS total
        FROM (marts.days CROSS JOIN members) LEFT JOIN daily
            ON order_date = date_day AND daily.category IS NOT DISTINCT FROM members.category
        QUALIFY total IS NOT NULL""",
    ),
    Shape(
        "customers of 28 days by day",
        "recent_customers",
        "metric_time__day",
        """WITH daily AS (SELECT DISTINCT order_date, customer_id FROM marts.orders),
        spans AS (
            SELECT customer_id, order_date AS first, least(order_date + 28, coalesce(
                lead(order_date) OVER (PARTITION BY customer_id ORDER BY order_date),
                DATE '2999-01-01')) AS after
            FROM daily),
        steps AS (SELECT first AS day, count(*) AS step FROM spans GROUP BY 1
            UNION ALL SELECT after::DATE, -count(*) FROM spans GROUP BY 1),
        days AS (SELECT day, sum(step) AS step FROM steps GROUP BY 1)
        SELECT date_day, sum(step) OVER (ORDER BY date_day)::BIGINT
        FROM marts.days LEFT JOIN days ON day = date_day""",
    ),
    Shape(
        "last stock of the month",
        "stock",
        "metric_time__month",
        """SELECT date_trunc('month', stock_date)::DATE, sum(quantity) FROM marts.stock
        WHERE stock_date IN (
            SELECT max(stock_date) FROM marts.stock GROUP BY date_trunc('month', stock_date))
        GROUP BY 1""",
    ),
    Shape(
        "who came back within 30 days",
        "came_back",
        "metric_time__month",
        f"""WITH pairs AS (
            SELECT {MONTH} AS month, number_of_customer = 1 AS is_first,
                lead(order_date) OVER (PARTITION BY customer_id ORDER BY number_of_customer)
                    - order_date < 30 AS again
            FROM marts.orders WHERE number_of_customer <= 2)
        SELECT month, count(*) FILTER (again)::DOUBLE / count(*) FROM pairs WHERE is_first GROUP BY 1""",
    ),
)


def main(rows: int = ROWS) -> int:
    with tempfile.TemporaryDirectory() as directory:
        manifest = shop.write(Path(directory) / "semantic_manifest.json", _definitions())
        con = _company(rows)
        print(f"{rows:,} orders; milliseconds on one thread, best of {TURNS}")
        print(f"{'shape':<34}{'compiled':>10}{'by hand':>10}{'ratio':>8}")
        wrong = [shape.name for shape in SHAPES if not _compare(con, manifest, shape)]
    for name in wrong:
        print(f"other answers: {name}", file=sys.stderr)
    return bool(wrong)


def _definitions() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(shop.manifest()))
    content["metrics"].append(
        shop.metric(
            "sales_ever", "cumulative", measure="amount", cumulative_type_params=shop.cumulative(None)
        )
    )
    return content


def _company(rows: int) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS warehouse; USE warehouse")
    con.execute(DATA.format(rows=rows))
    con.execute("SET threads = 1")
    return con


def _compare(con: duckdb.DuckDBPyConnection, manifest: Path, shape: Shape) -> bool:
    asked = {"metrics": shape.metrics.split(), "group_by": shape.by.split(), "where": list(shape.where)}
    compiled = compile(manifest, asked, "duckdb")
    ours, theirs = zip(*_turns(con, compiled, shape.best), strict=True)
    print(
        f"{shape.name:<34}{min(ours):>10.1f}{min(theirs):>10.1f}{min(ours) / min(theirs):>8.2f}", flush=True
    )
    return _rows(con, compiled) == _rows(con, shape.best)


def _turns(con: duckdb.DuckDBPyConnection, *texts: str) -> Iterator[tuple[float, ...]]:
    for _ in range(TURNS):
        yield tuple(_milliseconds(con, text) for text in texts)


def _milliseconds(con: duckdb.DuckDBPyConnection, sql: str) -> float:
    start = time.process_time()
    con.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {sql}")
    return (time.process_time() - start) * 1000


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[str, ...]]:
    """Give the rows as text in order; fractions to nine digits: sums of doubles depend on their order."""
    rows = con.execute(sql).fetchall()
    return sorted(tuple(map(_text, row)) for row in rows)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return str(value)
    return str(value)[:10] if hasattr(value, "isoformat") else f"{float(value):.9g}"


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
