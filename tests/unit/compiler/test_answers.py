"""Compiled SQL gives what hand-written SQL gives."""

import pytest

from tests.oracle import MetricFlow
from tests.unit.compiler.conftest import Shop

MONTH = "metric_time__month"


def test_a_sum_keeps_rows_without_a_key(company: Shop) -> None:
    assert company.query("sales", "product__category") == company.sql("""
        SELECT category, sum(amount) FROM marts.orders LEFT JOIN marts.products USING (product_id)
        GROUP BY 1""")


def test_parts_of_a_total_add_up(company: Shop) -> None:
    total = company.query("sales")[0][0]
    assert sum(row[-1] for row in company.query("sales", "product__category")) == total


def test_money_stays_exact(company: Shop) -> None:
    described = company.con.execute(f"DESCRIBE {company.compiled('sales margin', MONTH)}").fetchall()
    assert described[1][1] == "DECIMAL(38,4)"


def test_an_empty_denominator_gives_no_value(company: Shop) -> None:
    (row,) = [row for row in company.query("margin", MONTH) if row[0] == "2024-05-01"]
    assert row == ("2024-05-01", None)


def test_a_ratio_divides_the_sums(company: Shop) -> None:
    assert company.query("order_value", "product__category") == company.sql("""
        SELECT category, sum(amount) / count(*) FROM marts.orders LEFT JOIN marts.products USING (product_id)
        GROUP BY 1""")


def test_growth_compares_with_the_same_month_a_year_earlier(company: Shop) -> None:
    assert company.query("sales_growth", MONTH) == company.sql("""
        WITH monthly AS (SELECT date_trunc('month', order_date) AS month, sum(amount) AS sales
                         FROM marts.orders GROUP BY 1)
        SELECT coalesce(now.month, CAST(earlier.month + INTERVAL 1 YEAR AS DATE)),
               now.sales / nullif(earlier.sales, 0) - 1
        FROM monthly now FULL JOIN monthly earlier ON now.month = earlier.month + INTERVAL 1 YEAR
        WHERE coalesce(now.month, earlier.month + INTERVAL 1 YEAR) <= DATE '2025-03-15'""")


def test_growth_by_an_empty_key_is_one_row_per_month(company: Shop) -> None:
    rows = company.query("sales sales_growth", f"{MONTH} product__category")
    keys = [row[:2] for row in rows]
    assert len(keys) == len(set(keys))
    assert ("2025-02-01", None, 70.0, 6.0) in rows


def test_to_date_starts_anew_each_year_and_bridges_holes(company: Shop) -> None:
    assert company.query("sales_to_date", MONTH) == company.sql("""
        SELECT month, (SELECT sum(amount) FROM marts.orders
                       WHERE order_date <= last_day AND year(order_date) = year(last_day)) AS value
        FROM month_ends WHERE value IS NOT NULL""")


def test_a_window_ends_with_the_period(company: Shop) -> None:
    assert company.query("recent_sales", MONTH) == company.sql("""
        SELECT month, sum(amount) FROM marts.orders, month_ends
        WHERE order_date <= last_day AND order_date > last_day - INTERVAL 28 DAY GROUP BY 1""")


def test_a_window_of_distinct_customers_counts_each_once(company: Shop) -> None:
    assert company.query("recent_customers", "metric_time__day product__category") == company.sql("""
        SELECT date_day, category, count(DISTINCT customer_id)
        FROM marts.days, marts.orders LEFT JOIN marts.products USING (product_id)
        WHERE order_date <= date_day AND order_date > date_day - INTERVAL 28 DAY GROUP BY 1, 2""")


def test_a_conversion_counts_what_follows_in_time(company: Shop) -> None:
    assert company.query("came_back", MONTH) == company.sql("""
        SELECT date_trunc('month', f.order_date),
               count(s.order_id) / count(*)
        FROM marts.orders f LEFT JOIN marts.orders s
          ON s.customer_id = f.customer_id AND s.number_of_customer = 2
         AND s.order_date >= f.order_date AND s.order_date < f.order_date + INTERVAL 30 DAY
        WHERE f.number_of_customer = 1 GROUP BY 1""")


def test_a_conversion_splits_by_the_first_event(company: Shop) -> None:
    assert company.query("came_back", "product__category") == [("Bells", 0.5), ("Bikes", 1.0), (None, 0.0)]


def test_stock_is_that_of_the_last_snapshot(company: Shop) -> None:
    assert company.query("stock", MONTH) == [("2024-01-01", 4.0), ("2024-03-01", 8.0)]
    assert company.query("stock") == [(8.0,)]


def test_metrics_of_different_marts_meet_by_month(company: Shop) -> None:
    rows = {row[0]: row[1:] for row in company.query("stock sales", MONTH)}
    assert rows["2024-01-01"] == (4.0, 110.0)
    assert rows["2024-02-01"] == (None, 60.0)


def test_order_and_limit_hold_for_worked_out_metrics(company: Shop) -> None:
    rows = company.query("margin", MONTH, order_by=[f"-{MONTH}"], limit=2)
    assert [row[0] for row in rows] == ["2025-03-01", "2025-02-01"]


def test_a_filter_reaches_every_input(company: Shop) -> None:
    where = ["{{ Dimension('product__category') }} = 'Bikes'"]
    assert company.query("margin", where=where) == [(0.4,)]


@pytest.mark.parametrize(
    "metric", ["sales_to_date", "sales_growth", "recent_customers", "came_back", "margin"]
)
def test_a_time_range_is_a_part_of_the_whole(company: Shop, metric: str) -> None:
    part = company.query(metric, MONTH, time_constraint=["2024-02-10", "2025-01-20"])
    whole = [row for row in company.query(metric, MONTH) if "2024-02-01" <= row[0] <= "2025-01-20"]
    assert part == whole


def test_a_time_range_in_words_keeps_what_to_date_needs_before_it(company: Shop) -> None:
    where = ["{{ TimeDimension('metric_time', 'month') }} = DATE '2024-03-01'"]
    assert company.query("sales_to_date", MONTH, where=where) == [("2024-03-01", 190.0)]


def test_a_saved_query_is_its_metrics_by_its_dimensions(company: Shop) -> None:
    assert company.query("", saved_query="sales_monthly") == company.query("orders sales order_value", MONTH)


@pytest.mark.parametrize(
    "metric", ["order_value", "profit", "margin", "sales_growth", "sales_to_date", "came_back"]
)
@pytest.mark.parametrize("by", [MONTH, "metric_time__year", f"{MONTH} product__category"])
def test_the_answer_is_that_of_metricflow(company: Shop, metric: str, by: str) -> None:
    theirs = MetricFlow.of(company.manifest).sql({"metrics": [metric], "group_by": by.split()})
    assert company.query(metric, by) == company.sql(theirs)
