"""Offsets: a time earlier, the start of a longer period, offsets of offsets, periods of a calendar."""

from typing import Any

import pytest

from plumbline.errors import DefinitionError
from tests.conformance.features.market import Market

BY = (
    "(SELECT date_trunc('{grain}', order_date) AS period, sum(amount) AS sales FROM market.orders GROUP BY 1)"
)
PERIODS = "(SELECT DISTINCT date_trunc('{grain}', date_day) AS period FROM market.days)"
HOUR = "{{ TimeDimension('metric_time', 'hour') }} >= '2024-03-31 02:00'"


@pytest.mark.parametrize(
    ("metric", "back"),
    [
        ("sales_1_day_ago", "1 DAY"),
        ("sales_2_week_ago", "14 DAY"),
        ("sales_1_month_ago", "1 MONTH"),
        ("sales_1_quarter_ago", "3 MONTH"),
        ("sales_1_year_ago", "1 YEAR"),
        ("sales_2_months_ago", "1 MONTH' - INTERVAL '1 MONTH"),
    ],
)
def test_by_day_each_day_looks_back(market: Market, metric: str, back: str) -> None:
    assert market.ask(metric, "metric_time__day") == market.sql(f"""
        SELECT date_day, sales FROM market.days JOIN {BY.format(grain="day")}
        ON period = date_day - INTERVAL '{back}'""")


def test_the_ends_of_longer_months_look_at_the_last_day_of_a_shorter_one(market: Market) -> None:
    rows = market.ask("sales_1_month_ago", "metric_time__day", where=["metric_time__month = '2024-03-01'"])
    leap_day = market.sql("SELECT sum(amount) FROM market.orders WHERE order_date = '2024-02-29'")[0][0]
    assert [row for row in rows if row[0] > "2024-03-02"] == [
        (f"2024-03-{day}", leap_day) for day in (29, 30, 31)
    ]


def test_a_year_after_a_leap_day_there_is_none(market: Market) -> None:
    rows = market.ask("sales_1_year_ago", "metric_time__day", where=["metric_time__month = '2024-02-01'"])
    assert rows == market.sql("""
        SELECT day, (SELECT sum(amount) FROM market.orders WHERE order_date = '2023-02-28')
        FROM (VALUES (DATE '2024-02-28'), (DATE '2024-02-29')) v(day)""")


@pytest.mark.parametrize(
    ("metric", "grain", "back"),
    [
        ("sales_1_month_ago", "month", "1 MONTH"),
        ("sales_2_months_ago", "month", "2 MONTH"),
        ("sales_1_quarter_ago", "month", "3 MONTH"),
        ("sales_1_quarter_ago", "quarter", "3 MONTH"),
        ("sales_1_year_ago", "month", "1 YEAR"),
        ("sales_1_year_ago", "quarter", "1 YEAR"),
        ("sales_1_year_ago", "year", "1 YEAR"),
        ("sales_2_week_ago", "week", "14 DAY"),
    ],
)
def test_whole_periods_look_at_whole_periods(market: Market, metric: str, grain: str, back: str) -> None:
    assert market.ask(metric, f"metric_time__{grain}") == market.sql(f"""
        SELECT p.period, sales FROM {PERIODS.format(grain=grain)} p JOIN {BY.format(grain=grain)} s
        ON s.period = p.period - INTERVAL '{back}'""")


@pytest.mark.parametrize(
    ("metric", "grain", "back"),
    [
        ("sales_1_day_ago", "month", "1 DAY"),
        ("sales_2_week_ago", "month", "14 DAY"),
        ("sales_1_month_ago", "week", "1 MONTH"),
        ("sales_1_month_ago", "quarter", "1 MONTH"),
        ("sales_1_quarter_ago", "year", "3 MONTH"),
    ],
)
def test_other_periods_add_up_the_days_that_their_days_look_at(
    market: Market, metric: str, grain: str, back: str
) -> None:
    assert market.ask(metric, f"metric_time__{grain}") == market.sql(f"""
        SELECT date_trunc('{grain}', date_day), sum(amount) FROM market.days
        JOIN market.orders ON order_date = date_day - INTERVAL '{back}' GROUP BY 1""")


def test_a_hole_before_stays_a_hole(market: Market) -> None:
    rows = dict(market.ask("sales_1_month_ago", "metric_time__month"))
    assert "2024-05-01" not in rows
    assert rows["2024-06-01"] == 0.0


def test_a_comparison_has_no_value_where_one_side_has_none(market: Market) -> None:
    assert market.ask("sales_growth", "metric_time__month") == market.sql(f"""
        SELECT coalesce(n.period, b.period), n.sales - b.sales FROM {BY.format(grain="month")} n
        FULL JOIN (SELECT p.period, sales FROM {PERIODS.format(grain="month")} p
          JOIN {BY.format(grain="month")} s ON s.period = p.period - INTERVAL 1 MONTH) b USING (period)""")


def test_with_a_dimension_each_member_looks_at_itself(market: Market) -> None:
    assert market.ask("sales_1_year_ago", "metric_time__month order__channel") == market.sql("""
        SELECT p.period, channel, sum(amount)
        FROM (SELECT DISTINCT date_trunc('month', date_day) AS period FROM market.days) p
        JOIN market.orders ON date_trunc('month', order_date) = p.period - INTERVAL 1 YEAR GROUP BY 1, 2""")


def test_rows_that_only_the_shifted_metric_needs_are_not_shown(market: Market) -> None:
    assert market.ask("web_sales sales_1_year_ago", "metric_time__month") == market.sql("""
        SELECT month, sum(web), sum(before) FROM (
          SELECT date_trunc('month', order_date) AS month, amount AS web, NULL AS before FROM market.orders
          WHERE channel = 'web'
          UNION ALL SELECT date_trunc('month', order_date) + INTERVAL 1 YEAR, NULL, amount
          FROM market.orders)
        WHERE month < '2024-07-01' GROUP BY 1""")


def test_an_offset_sees_what_lies_before_the_start_of_a_filter(market: Market) -> None:
    where = ["{{ TimeDimension('metric_time', 'month') }} >= '2024-01-01'"]
    assert market.ask("sales_1_year_ago", "metric_time__month", where=where) == market.sql("""
        SELECT date_trunc('month', order_date) + INTERVAL 1 YEAR, sum(amount) FROM market.orders
        WHERE year(order_date) = 2023 GROUP BY 1""")


def test_an_offset_sees_what_lies_before_the_time_range(market: Market) -> None:
    rows = market.ask("sales_growth", "metric_time__month", time_constraint=["2024-02-01", "2024-02-29"])
    assert rows == market.sql("""
        SELECT DATE '2024-02-01', sum(amount) FILTER (month(order_date) = 2)
          - sum(amount) FILTER (month(order_date) = 1) FROM market.orders WHERE year(order_date) = 2024""")


def test_an_offset_of_a_derived_metric_shifts_all_of_it(market: Market) -> None:
    assert market.ask("net_sales_1_month_ago", "metric_time__month") == market.sql("""
        WITH every AS (SELECT order_date AS day, amount, NULL AS refund FROM market.orders
          UNION ALL SELECT refund_date, NULL, refund FROM market.refunds)
        SELECT date_trunc('month', day) + INTERVAL 1 MONTH AS later, sum(amount) - sum(refund) FROM every
        GROUP BY 1 HAVING later <= DATE '2024-06-01'""")


# -- the start of a longer period


def test_by_day_the_first_day_of_the_month_is_looked_at(market: Market) -> None:
    assert market.ask("sales_since_month_start", "metric_time__day") == market.sql("""
        WITH daily AS (SELECT order_date AS day, sum(amount) AS sales FROM market.orders GROUP BY 1)
        SELECT d.day, d.sales - f.sales FROM
          (SELECT coalesce(date_day, day) AS day, sales FROM market.days LEFT JOIN daily ON day = date_day) d
        LEFT JOIN daily f ON f.day = date_trunc('month', d.day) WHERE d.day IN (SELECT day FROM daily)
          OR f.day IS NOT NULL""")


def test_by_month_the_first_day_is_the_month_itself(market: Market) -> None:
    assert market.ask("sales_since_month_start", "metric_time__month") == market.sql("""
        SELECT date_trunc('month', order_date), sum(amount) - sum(amount) FROM market.orders GROUP BY 1""")


# -- periods of the company's own calendar


def test_by_a_period_of_the_calendar_the_one_before_is_looked_at(market: Market) -> None:
    assert market.ask("sales_1_sprint_ago", "metric_time__sprint") == market.sql("""
        SELECT p.sprint_start, sum(amount) FROM (SELECT DISTINCT sprint_start FROM market.days) p
        JOIN market.days d ON d.sprint_start = p.sprint_start - INTERVAL 10 DAY
        JOIN market.orders ON order_date = d.date_day GROUP BY 1""")


def test_by_day_the_same_place_in_the_period_before_is_looked_at(market: Market) -> None:
    assert market.ask("sales_1_sprint_ago", "metric_time__day") == market.sql("""
        SELECT date_day, sum(amount) FROM market.days
        JOIN market.orders ON order_date = date_day - INTERVAL 10 DAY GROUP BY 1""")


def test_a_place_that_a_shorter_period_lacks_has_no_day(market: Market) -> None:
    assert market.ask("sales_1_season_ago", "metric_time__day") == market.sql("""
        WITH placed AS (SELECT *, row_number() OVER (PARTITION BY season ORDER BY date_day) AS place,
          dense_rank() OVER (ORDER BY season) AS number FROM market.days)
        SELECT n.date_day, sum(amount) FROM placed n
        JOIN placed b ON b.number = n.number - 1 AND b.place = n.place
        JOIN market.orders ON order_date = b.date_day GROUP BY 1""")


def test_by_season_the_season_before_is_looked_at(market: Market) -> None:
    assert market.ask("sales_1_season_ago", "metric_time__season order__channel") == market.sql("""
        SELECT d.season + INTERVAL 3 MONTH AS later, channel, sum(amount) FROM market.orders
        JOIN market.days d ON date_day = order_date GROUP BY 1, 2 HAVING later <= DATE '2024-06-01'""")


@pytest.mark.parametrize("asked", ["range", "time_constraint"])
def test_a_range_shows_the_periods_of_the_calendar_that_lie_in_it(market: Market, asked: str) -> None:
    """One that the range cuts is not compared: the last begins on March 6th."""
    within = {asked: ["2024-01-30", "2024-03-10"]}
    assert market.ask("sales_1_sprint_ago", "metric_time__sprint", **within) == market.sql("""
        SELECT DATE '2024-02-05', sum(amount) FROM market.orders
        WHERE order_date BETWEEN '2024-01-26' AND '2024-02-04'""")
    within = {asked: ["2024-02-05", "2024-03-15"]}
    assert market.ask("sales_1_sprint_ago", "metric_time__sprint", **within) == market.sql("""
        SELECT DATE '2024-02-05', sum(amount) FROM market.orders
        WHERE order_date BETWEEN '2024-01-26' AND '2024-02-04'
        UNION ALL SELECT DATE '2024-03-06', sum(amount) FROM market.orders
        WHERE order_date BETWEEN '2024-02-25' AND '2024-03-05'""")


def test_who_was_in_charge_is_told_of_the_first_day_of_the_period_asked_for(market: Market) -> None:
    assert market.ask("sales_1_sprint_ago", "metric_time__sprint store__manager") == market.sql("""
        SELECT s.sprint_start, manager, sum(amount) FROM (SELECT DISTINCT sprint_start FROM market.days) s
        JOIN market.days d ON d.sprint_start = s.sprint_start - INTERVAL 10 DAY
        JOIN market.orders o ON order_date = d.date_day
        LEFT JOIN market.managers m ON m.store_id = o.store_id
          AND s.sprint_start >= valid_from AND (s.sprint_start < valid_to OR valid_to IS NULL)
        GROUP BY 1, 2""")


@pytest.mark.parametrize("period", ["sprint", "day", "month"])
def test_readings_of_a_day_are_shifted_by_the_calendar_with_it(market: Market, period: str) -> None:
    shown = {"sprint": "s.sprint_start", "day": "s.date_day", "month": "date_trunc('month', s.date_day)"}
    assert market.ask("watts_1_sprint_ago", f"metric_time__{period} store") == market.sql(f"""
        SELECT {shown[period]}, store_id, sum(watts) FROM market.days s
        JOIN market.readings ON CAST(read_at AS DATE) = s.date_day - INTERVAL 10 DAY GROUP BY 1, 2""")


@pytest.mark.one_engine
@pytest.mark.parametrize("asked", [{"by": "metric_time__hour"}, {"where": [HOUR]}])
def test_a_calendar_of_days_has_no_place_for_an_hour(market: Market, asked: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("watts_1_sprint_ago", **{"by": "metric_time__day", **asked})
    assert caught.value.code == "grain-too-fine"
    assert caught.value.todo == "Ask by day, or by a longer period."


def test_without_a_period_there_is_nothing_to_compare(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales_1_year_ago", "order__channel")
    assert caught.value.code == "needs-time"
    assert "metric_time__month" in caught.value.todo


def test_values_shifted_differently_do_not_show_each_others_rows(market: Market) -> None:
    before = """SELECT CAST(date_trunc('month', order_date) + INTERVAL {count} MONTH AS DATE) AS month,
        sum(amount) AS value FROM market.orders WHERE channel = '{channel}' GROUP BY 1"""
    web, shop = before.format(count=1, channel="web"), before.format(count=2, channel="shop")
    assert market.ask("web_less_shop_before", "metric_time__month") == market.sql(f"""
        SELECT month, web.value - shop.value FROM ({web}) AS web FULL JOIN ({shop}) AS shop USING (month)
        WHERE month < '2024-07-01'""")


def test_a_snapshot_at_the_start_of_a_month_is_seen_from_the_first_day_of_a_week(market: Market) -> None:
    assert market.ask("stock_at_month_start", "metric_time__week") == market.sql("""
        SELECT date_day, sum(on_hand) FROM market.days
        JOIN market.stock ON stock_date = date_trunc('month', date_day)
        WHERE date_part('isodow', date_day) = 1 GROUP BY 1""")


def test_the_start_of_a_longer_period_is_seen_in_the_own_period_that_has_it(market: Market) -> None:
    assert market.ask("sales_at_month_start", "metric_time__sprint metric_time__month") == market.sql("""
        SELECT sprint_start, order_date, sum(amount)
        FROM market.orders JOIN market.days ON order_date = date_day
        WHERE day(order_date) = 1 GROUP BY ALL""")
