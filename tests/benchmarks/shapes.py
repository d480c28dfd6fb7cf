"""Compiled SQL beside the best SQL that a person would write, and beside MetricFlow's, shape by shape.

`python -m tests.benchmarks.shapes [ROWS]` (default 20,000,000 orders of three years) prints milliseconds of
CPU of the best of several turns on two threads, and exits with 1 when answers differ: by hand, compiled from
the definitions alone, and compiled by one who knows how large the tables are. MetricFlow's SQL is stopped
when it takes many times as long. Below a shape stands what a person would write who knows what no definition
says: that products are few, or that a second order follows the first.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from plumbline.compiler import compile
from plumbline.compiler.sizes import Sizes
from plumbline.warehouse.sizes import sizes_of
from tests.benchmarks import bazaar
from tests.oracle import MetricFlow
from tests.unit.definitions import shop

ROWS = 20_000_000
TURNS = 3
THREADS = 2
# How many times as long as ours, and how many seconds more, MetricFlow's SQL may take.
PATIENCE, MORE = 20, 2.0

MONTH = "date_trunc('month', order_date)"


SIX_CHANNELS = ", ".join(f"sum(amount) FILTER (channel = 'channel {number}')" for number in range(6))


@dataclass(frozen=True)
class Shape:
    """A question, and how a person who knows the data would ask it."""

    name: str
    metrics: str
    by: str
    best: str
    # How one would ask it who knows how many there are of what, and beginning with why.
    knowing: str = ""
    where: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None


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
        knowing="""-- products are few
        SELECT category, sum(sales) FROM (
            SELECT product_id, sum(amount) AS sales FROM marts.orders GROUP BY 1)
        LEFT JOIN marts.products USING (product_id) GROUP BY 1""",
    ),
    Shape(
        "sum by month and region, two hops",
        "sales",
        "metric_time__month customer__region__region_name",
        f"""SELECT {MONTH}, region, sum(amount) FROM marts.orders
        LEFT JOIN marts.customers USING (customer_id)
        LEFT JOIN marts.regions USING (region_id) GROUP BY ALL""",
        knowing=f"""-- regions are few
        SELECT month, region, sum(sales) FROM (
            SELECT {MONTH} AS month, region_id, sum(amount) AS sales
            FROM marts.orders LEFT JOIN marts.customers USING (customer_id) GROUP BY ALL)
        LEFT JOIN marts.regions USING (region_id) GROUP BY ALL""",
    ),
    Shape(
        "six filtered metrics",
        " ".join(f"sales_of_channel_{number}" for number in range(6)),
        "metric_time__month",
        f"""WITH by_channel AS (
            SELECT {MONTH} AS month, channel, sum(amount) AS amount FROM marts.orders GROUP BY ALL)
        SELECT month, {SIX_CHANNELS} FROM by_channel GROUP BY 1""",
    ),
    Shape(
        "filtered ratio",
        "channel_share",
        "metric_time__month",
        f"""SELECT {MONTH}, (sum(amount) FILTER (channel = 'channel 1'))::DOUBLE / nullif(sum(amount), 0)
        FROM marts.orders GROUP BY 1""",
    ),
    Shape(
        "ratio of two facts",
        "refund_rate",
        "metric_time__month",
        f"""WITH sold AS (SELECT {MONTH} AS month, sum(amount) AS sales FROM marts.orders GROUP BY 1),
        returned AS (SELECT date_trunc('month', refund_date) AS month, sum(refund) AS refunds
            FROM marts.refunds GROUP BY 1)
        SELECT month, refunds::DOUBLE / nullif(sales, 0) FROM sold FULL JOIN returned USING (month)""",
    ),
    Shape(
        "ten best customers",
        "sales",
        "customer",
        "SELECT customer_id, sum(amount) FROM marts.orders GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
        order_by=("-sales",),
        limit=10,
    ),
    Shape(
        "of customers with many orders",
        "sales",
        "metric_time__month",
        f"""WITH busy AS (SELECT customer_id FROM marts.orders GROUP BY 1 HAVING count(*) > 45)
        SELECT {MONTH}, sum(amount) FROM marts.orders JOIN busy USING (customer_id) GROUP BY 1""",
        where=("{{ Metric('orders', group_by=['customer']) }} > 45",),
    ),
    Shape(
        "five metrics of one table",
        "sales costs orders profit margin",
        "metric_time__month product__category",
        f"""SELECT {MONTH}, category, sum(amount), sum(cost), count(*), sum(amount) - sum(cost),
            (sum(amount) - sum(cost))::DOUBLE / nullif(sum(amount), 0)
        FROM marts.orders LEFT JOIN marts.products USING (product_id) GROUP BY ALL""",
        knowing=f"""-- products are few
        SELECT month, category, sum(sales), sum(costs), sum(orders), sum(sales) - sum(costs),
            (sum(sales) - sum(costs))::DOUBLE / nullif(sum(sales), 0)
        FROM (
            SELECT {MONTH} AS month, product_id, sum(amount) AS sales, sum(cost) AS costs, count(*) AS orders
            FROM marts.orders GROUP BY ALL)
        LEFT JOIN marts.products USING (product_id) GROUP BY ALL""",
    ),
    Shape(
        "a filtered metric beside another",
        "first_orders orders",
        "metric_time__month",
        f"""SELECT {MONTH}, nullif(count(*) FILTER (number_of_customer = 1), 0), count(*)
        FROM marts.orders GROUP BY 1""",
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
        "the same since 2024",
        "sales_growth",
        "metric_time__month",
        f"""WITH monthly AS (SELECT {MONTH} AS month, sum(amount) AS sales FROM marts.orders
            WHERE order_date >= DATE '2023-01-01' GROUP BY 1)
        SELECT coalesce(now.month, before.month + INTERVAL 1 YEAR), now.sales / nullif(before.sales, 0) - 1
        FROM monthly AS now FULL JOIN monthly AS before ON now.month = before.month + INTERVAL 1 YEAR
        WHERE coalesce(now.month, before.month + INTERVAL 1 YEAR)
            BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'""",
        where=("{{ TimeDimension('metric_time', 'month') }} >= '2024-01-01'",),
    ),
    Shape(
        "month to date by day",
        "sales_mtd",
        "metric_time__day",
        """WITH daily AS (SELECT order_date, sum(amount) AS sales FROM marts.orders GROUP BY 1)
        SELECT date_day, sum(sales) OVER (PARTITION BY date_trunc('month', date_day) ORDER BY date_day)
        FROM marts.days LEFT JOIN daily ON order_date = date_day""",
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
        "2 months by day and category",
        "sales_2_months",
        "metric_time__day product__category",
        """WITH daily AS (
            SELECT order_date, category, sum(amount) AS sales
            FROM marts.orders LEFT JOIN marts.products USING (product_id) GROUP BY ALL),
        members AS (SELECT DISTINCT category FROM daily)
        SELECT date_day, members.category, sum(sales) OVER (
            PARTITION BY members.category ORDER BY date_day
            RANGE BETWEEN INTERVAL 2 MONTH - INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS total
        FROM (marts.days CROSS JOIN members) LEFT JOIN daily
            ON order_date = date_day AND daily.category IS NOT DISTINCT FROM members.category
        QUALIFY total IS NOT NULL""",
    ),
    Shape(
        "all time by day",
        "sales_ever",
        "metric_time__day",
        """WITH daily AS (SELECT order_date, sum(amount) AS sales FROM marts.orders GROUP BY 1)
        SELECT date_day, sum(sales) OVER (ORDER BY date_day)
        FROM marts.days LEFT JOIN daily ON order_date = date_day""",
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
        """WITH spans AS (
            SELECT order_date AS first, least(order_date + 28, lead(order_date) OVER (
                PARTITION BY customer_id ORDER BY order_date)) AS after
            FROM marts.orders),
        steps AS (SELECT first AS day, count(*) AS step FROM spans GROUP BY 1
            UNION ALL SELECT after, -count(*) FROM spans GROUP BY 1),
        days AS (SELECT day, sum(step) AS step FROM steps GROUP BY 1)
        SELECT date_day, sum(step) OVER (ORDER BY date_day)::BIGINT
        FROM marts.days LEFT JOIN days ON day = date_day""",
    ),
    Shape(
        "customers of 28 days by day and category",
        "recent_customers",
        "metric_time__day product__category",
        """WITH spans AS (
            SELECT category, order_date AS first, least(order_date + 28, lead(order_date) OVER (
                PARTITION BY category, customer_id ORDER BY order_date)) AS after
            FROM marts.orders LEFT JOIN marts.products USING (product_id)),
        steps AS (SELECT category, first AS day, count(*) AS step FROM spans GROUP BY ALL
            UNION ALL SELECT category, after, -count(*) FROM spans GROUP BY ALL),
        days AS (SELECT category, day, sum(step) AS step FROM steps GROUP BY ALL),
        members AS (SELECT DISTINCT category FROM days)
        SELECT date_day, members.category,
            sum(step) OVER (PARTITION BY members.category ORDER BY date_day)::BIGINT
        FROM (marts.days CROSS JOIN members) LEFT JOIN days
            ON day = date_day AND days.category IS NOT DISTINCT FROM members.category""",
    ),
    Shape(
        "last stock of the month",
        "stock",
        "metric_time__month",
        """WITH daily AS (SELECT stock_date, sum(quantity) AS stock FROM marts.stock GROUP BY 1)
        SELECT date_trunc('month', stock_date), arg_max(stock, stock_date) FROM daily GROUP BY 1""",
    ),
    Shape(
        "bought within 7 days of a visit",
        "bought_in_a_week",
        "metric_time__month",
        """WITH visited AS (
            SELECT date_trunc('month', visit_date) AS month, count(*) AS visits
            FROM marts.visits GROUP BY 1),
        bought AS (
            SELECT date_trunc('month', visit_date) AS month, count(*) AS orders
            FROM marts.orders ASOF JOIN marts.visits
                ON orders.customer_id = visits.customer_id AND order_date >= visit_date
            WHERE visit_date > order_date - 7 GROUP BY 1)
        SELECT month, orders::DOUBLE / visits FROM visited FULL JOIN bought USING (month)""",
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
        knowing=f"""-- there is one second order of a customer, after the first
        WITH second AS (
            SELECT customer_id, order_date AS again FROM marts.orders WHERE number_of_customer = 2)
        SELECT {MONTH}, count(*) FILTER (again < order_date + 30)::DOUBLE / count(*)
        FROM marts.orders LEFT JOIN second USING (customer_id) WHERE number_of_customer = 1 GROUP BY 1""",
    ),
)


def main(rows: int = ROWS) -> int:
    with tempfile.TemporaryDirectory() as directory:
        manifest = shop.write(Path(directory) / "semantic_manifest.json", bazaar.definitions())
        other = MetricFlow.of(manifest)
        con = bazaar.tables(rows)
        con.execute(f"SET threads = {THREADS}")
        sizes = sizes_of(con, "")
        print(f"{rows:,} orders; milliseconds of CPU on {THREADS} threads, best of {TURNS}; x: times by hand")
        print(
            f"{'shape':<42}{'by hand':>10}{'compiled':>10}{'x':>7}{'with sizes':>12}{'x':>7}"
            f"{'MetricFlow':>13}{'x':>9}"
        )
        wrong = [shape.name for shape in SHAPES if not _compare(con, manifest, sizes, other, shape)]
    for name in wrong:
        print(f"other answers: {name}", file=sys.stderr)
    return bool(wrong)


def _compare(
    con: duckdb.DuckDBPyConnection, manifest: Path, sizes: Sizes, other: MetricFlow, shape: Shape
) -> bool:
    asked = {"metrics": shape.metrics.split(), "group_by": shape.by.split(), "where": list(shape.where)}
    asked |= {"order_by": list(shape.order_by), "limit": shape.limit}
    compiled, sized = (compile(manifest, asked, "duckdb", sizes=known) for known in (None, sizes))
    texts = (compiled, shape.best, *([sized] if sized != compiled else []))
    ours, best, *least = (min(times) for times in zip(*_turns(con, *texts), strict=True))
    theirs = other.sql(asked)
    patience = max(PATIENCE * ours / 1000, MORE)
    taken = _patiently(con, theirs, patience)
    print(
        f"{shape.name:<42}{best:>10.1f}{ours:>10.1f}{ours / best:>7.2f}"
        + (f"{least[0]:>12.1f}{least[0] / best:>7.2f}" if least else f"{'the same':>12}{'':>7}")
        + (f"{taken:>13.1f}{taken / best:>9.1f}" if taken else f"{'stopped':>13}{f'> {PATIENCE}':>9}"),
        flush=True,
    )
    answer = _rows(con, compiled)
    return (
        answer == _rows(con, shape.best)
        and answer == _rows(con, sized)
        and (not taken or answer == _rows(con, theirs))
        and (not shape.knowing or _knowing(con, shape, answer))
    )


def _knowing(con: duckdb.DuckDBPyConnection, shape: Shape, answer: list[tuple[str, ...]]) -> bool:
    """Print what takes less for one who knows more than the definitions say, and why."""
    least = min(time for (time,) in _turns(con, shape.knowing))
    reason = shape.knowing.splitlines()[0].removeprefix("-- ")
    print(f"{'  by hand, knowing that ' + reason}: {least:.1f}", flush=True)
    return answer == _rows(con, shape.knowing)


def _turns(con: duckdb.DuckDBPyConnection, *texts: str) -> Iterator[tuple[float, ...]]:
    for _ in range(TURNS):
        yield tuple(_milliseconds(con, text) for text in texts)


def _milliseconds(con: duckdb.DuckDBPyConnection, sql: str) -> float:
    start = time.process_time()
    con.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {sql}")
    return (time.process_time() - start) * 1000


def _patiently(con: duckdb.DuckDBPyConnection, sql: str, seconds: float) -> float | None:
    """Give the milliseconds of the better of two turns, or None where they took too much of the CPU."""
    over = threading.Event()
    watcher = threading.Thread(target=_interrupt_after, args=(con, seconds, over))
    watcher.start()
    try:
        return min(_milliseconds(con, sql) for _ in range(2))
    except duckdb.InterruptException:
        return None
    finally:
        over.set()
        watcher.join()


def _interrupt_after(con: duckdb.DuckDBPyConnection, seconds: float, over: threading.Event) -> None:
    start = time.process_time()
    while not over.wait(0.05):
        if time.process_time() - start > seconds:
            con.interrupt()
            return


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
