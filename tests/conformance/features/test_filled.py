"""Periods without rows: holes stay holes, unless a metric asks for every period, or for a number in them."""

import pytest

from tests.conformance.features.market import Market

MONTHS = "(SELECT DISTINCT date_trunc('month', date_day) AS month FROM market.days)"
ORDERS = "(SELECT date_trunc('month', order_date) AS month, count(*) AS n FROM market.orders GROUP BY 1)"
REFUNDS = """(SELECT date_trunc('month', refund_date) AS month, sum(refund) AS refunded
  FROM market.refunds GROUP BY 1)"""


def test_holes_stay_holes(market: Market) -> None:
    assert market.ask("orders", "metric_time__month") == market.sql(f"SELECT * FROM {ORDERS}")


def test_on_the_time_spine_every_month_is_there(market: Market) -> None:
    assert market.ask("orders_on_spine", "metric_time__month") == market.sql(
        f"SELECT month, n FROM {MONTHS} LEFT JOIN {ORDERS} USING (month)"
    )


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter", "year", "sprint"])
def test_filled_every_period_has_a_number(market: Market, grain: str) -> None:
    period = "sprint_start" if grain == "sprint" else f"date_trunc('{grain}', date_day)"
    assert market.ask("orders_filled", f"metric_time__{grain}") == market.sql(f"""
        SELECT {period}, count(order_id) FROM market.days LEFT JOIN market.orders ON order_date = date_day
        GROUP BY 1""")


def test_hours_are_filled_by_a_period_of_the_calendar(market: Market) -> None:
    assert market.ask("watts_filled", "metric_time__sprint") == market.sql("""
        SELECT sprint_start, coalesce(sum(watts), 0) FROM market.hours
        JOIN market.days ON date_day = date_trunc('day', hour_start)
        LEFT JOIN market.readings ON date_trunc('hour', read_at) = hour_start GROUP BY 1""")


def test_without_a_period_nothing_is_added(market: Market) -> None:
    assert market.ask("orders_filled orders_on_spine", "order__channel") == market.sql(
        "SELECT channel, count(*), count(*) FROM market.orders GROUP BY 1"
    )


def test_with_a_dimension_a_month_without_rows_has_the_empty_member(market: Market) -> None:
    assert market.ask("orders_filled", "metric_time__month customer__segment") == market.sql(f"""
        SELECT month, segment, coalesce(n, 0) FROM {MONTHS} LEFT JOIN
          (SELECT date_trunc('month', order_date) AS month, segment, count(*) AS n FROM market.orders
           LEFT JOIN market.customers USING (customer_id) GROUP BY 1, 2) USING (month)""")


def test_a_filter_on_time_limits_the_periods_too(market: Market) -> None:
    where = ["{{ TimeDimension('metric_time', 'month') }} >= '2024-03-01'"]
    assert market.ask("orders_filled", "metric_time__month", where=where) == market.sql(
        f"""SELECT month, coalesce(n, 0) FROM {MONTHS} LEFT JOIN {ORDERS} USING (month)
        WHERE month >= '2024-03-01'"""
    )


def test_a_time_range_limits_the_periods_too(market: Market) -> None:
    rows = market.ask("orders_filled", "metric_time__day", time_constraint=["2024-02-28", "2024-03-10"])
    assert rows == market.sql("""
        SELECT date_day, count(order_id) FROM market.days LEFT JOIN market.orders ON order_date = date_day
        WHERE date_day BETWEEN '2024-02-28' AND '2024-03-10' GROUP BY 1""")


def test_a_range_that_cuts_months_still_has_them(market: Market) -> None:
    rows = market.ask("orders_filled", "metric_time__month", range=["2024-02-01", "2024-05-05"])
    assert rows == market.sql("""
        SELECT date_trunc('month', date_day), count(order_id)
        FROM market.days LEFT JOIN market.orders ON order_date = date_day
        WHERE date_day BETWEEN '2024-02-01' AND '2024-05-05' GROUP BY 1""")
    rows = market.ask("orders_filled", "metric_time__month", range=["2024-02-20", "2024-03-31"])
    assert [row[0] for row in rows] == ["2024-02-01", "2024-03-01"]


def test_a_filter_on_rows_leaves_all_periods(market: Market) -> None:
    where = ["{{ Dimension('order__channel') }} = 'web'"]
    assert market.ask("orders_filled", "metric_time__month", where=where) == market.sql(f"""
        SELECT month, count(order_id) FROM {MONTHS}
        LEFT JOIN (SELECT *, date_trunc('month', order_date) AS month FROM market.orders
        WHERE channel = 'web')
        USING (month) GROUP BY 1""")


def test_filled_without_the_spine_only_where_another_metric_has_rows(market: Market) -> None:
    assert market.ask("refunds_or_zero", "metric_time__month") == market.sql(f"""
        SELECT month, coalesce(refunded, 0) FROM {REFUNDS}""")
    assert market.ask("orders refunds_or_zero", "metric_time__month") == market.sql(f"""
        SELECT month, n, coalesce(refunded, 0) FROM {ORDERS} FULL JOIN {REFUNDS} USING (month)""")


def test_rows_without_a_value_are_filled_too(market: Market) -> None:
    where = ["{{ Entity('refund') }} = 6"]
    assert market.ask("refunded refunds_or_zero", "refund", where=where) == [(6.0, None, 0.0)]


def test_no_rows_at_all_are_filled(market: Market) -> None:
    assert market.ask("refunds_or_zero", where=["{{ Entity('refund') }} = 0"]) == [(0.0,)]


def test_in_a_derived_metric_the_other_input_has_rows(market: Market) -> None:
    assert market.ask("net_sales_filled", "metric_time__month") == market.sql(f"""
        SELECT month, sales - coalesce(refunded, 0) FROM
          (SELECT date_trunc('month', order_date) AS month, sum(amount) AS sales FROM market.orders
          GROUP BY 1)
          FULL JOIN {REFUNDS} USING (month)""")


def test_a_derived_metric_of_a_filled_one_has_every_period(market: Market) -> None:
    assert market.ask("orders_filled_twice", "metric_time__month") == market.sql(
        f"SELECT month, 2 * coalesce(n, 0) FROM {MONTHS} LEFT JOIN {ORDERS} USING (month)"
    )


def test_a_derived_metric_gets_no_value_from_the_rows_of_another_metric(market: Market) -> None:
    assert market.ask("net_sales_filled orders_on_spine", "metric_time__month") == market.sql(f"""
        SELECT month, sales - coalesce(refunded, 0), n
        FROM {MONTHS} LEFT JOIN {ORDERS} USING (month) LEFT JOIN
          (SELECT date_trunc('month', order_date) AS month, sum(amount) AS sales
           FROM market.orders GROUP BY 1)
          USING (month) LEFT JOIN {REFUNDS} USING (month)""")
    assert market.ask("safe_net_sales orders_on_spine", "metric_time__month") == market.sql(f"""
        SELECT month, CASE WHEN n > 0 OR month IN (SELECT month FROM {REFUNDS})
            THEN coalesce(sales, 0) - coalesce(refunded, 0) END, n
        FROM {MONTHS} LEFT JOIN {ORDERS} USING (month) LEFT JOIN
          (SELECT date_trunc('month', order_date) AS month, sum(amount) AS sales
           FROM market.orders GROUP BY 1)
          USING (month) LEFT JOIN {REFUNDS} USING (month)""")


def test_filled_and_shifted(market: Market) -> None:
    assert market.ask("orders_filled_1_month_ago", "metric_time__month") == market.sql(f"""
        SELECT m.month, coalesce(n, 0) FROM {MONTHS} m
        LEFT JOIN {ORDERS} o ON o.month = m.month - INTERVAL 1 MONTH""")


def test_by_hour_every_hour_of_the_finer_spine(market: Market) -> None:
    assert market.ask("watts_filled", "metric_time__hour") == market.sql("""
        SELECT hour_start, coalesce(sum(watts), 0) FROM market.hours
        LEFT JOIN market.readings ON date_trunc('hour', read_at) = hour_start GROUP BY 1""")


def test_by_date_part_every_part_is_there(market: Market) -> None:
    assert market.ask("orders_filled", "metric_time__extract_month") == market.sql("""
        SELECT month(date_day), count(order_id) FROM market.days
        LEFT JOIN market.orders ON month(order_date) = month(date_day) AND order_date = date_day
        GROUP BY 1""")
