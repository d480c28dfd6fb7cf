"""Running totals: of all time, of a window, to date; rolled up to periods; of every aggregation."""

import pytest

from plumbline.errors import DefinitionError
from tests.conformance.features.market import EXACTLY, Market

WINDOW = "order_date > {at} - INTERVAL 28 DAY AND order_date <= {at}"
TWO_MONTHS = "order_date > {at} - INTERVAL 2 MONTH AND order_date <= {at}"
TO_DATE = "order_date >= date_trunc('month', {at}) AND order_date <= {at}"
# What a definition adds up on a day called `at`, and how.
TOTALS = {
    "sales_ever": ("sum(amount)", "order_date <= {at}"),
    "sales_28_days": ("sum(amount)", WINDOW),
    "sales_60_days": ("sum(amount)", "order_date > {at} - INTERVAL 60 DAY AND order_date <= {at}"),
    "sales_2_months": ("sum(amount)", TWO_MONTHS),
    "smallest_2_months": ("min(amount)", TWO_MONTHS),
    "average_2_months": ("avg(amount)", TWO_MONTHS),
    "median_28_days": (f"median({EXACTLY})", WINDOW),
    "p25_2_months": ("percentile_disc(0.25) WITHIN GROUP (ORDER BY amount)", TWO_MONTHS),
    "p75_month_to_date": (f"percentile_cont(0.75) WITHIN GROUP (ORDER BY {EXACTLY})", TO_DATE),
    "sales_month_to_date": ("sum(amount)", TO_DATE),
    "sales_year_to_date": ("sum(amount)", "order_date >= date_trunc('year', {at}) AND order_date <= {at}"),
    "smallest_ever": ("min(amount)", "order_date <= {at}"),
    "average_28_days": ("avg(amount)", WINDOW),
    "buyers_28_days": ("count(DISTINCT customer_id)", WINDOW),
    "buyers_ever": ("count(DISTINCT customer_id)", "order_date <= {at}"),
    "buyers_2_months": ("count(DISTINCT customer_id)", TWO_MONTHS),
    "buyers_month_to_date": ("count(DISTINCT customer_id)", TO_DATE),
    "buyers_year_to_date": (
        "count(DISTINCT customer_id)",
        "order_date >= date_trunc('year', {at}) AND order_date <= {at}",
    ),
    # Orders without a note are there, and have none: 0, not nothing.
    "notes_28_days": ("count(DISTINCT note)", WINDOW),
    "median_ever": (f"median({EXACTLY})", "order_date <= {at}"),
    "web_sales_ever": ("sum(amount)", "channel = 'web' AND order_date <= {at}"),
}
LAST_DAYS = """(SELECT date_trunc('{grain}', date_day) AS period, max(date_day) AS last_day
  FROM market.days GROUP BY 1)"""


@pytest.mark.parametrize("metric", TOTALS)
def test_by_day(market: Market, metric: str) -> None:
    value, within = TOTALS[metric]
    assert market.ask(metric, "metric_time__day") == market.sql(f"""
        SELECT date_day, {value} FROM market.days JOIN market.orders ON {within.format(at="date_day")}
        GROUP BY 1""")


@pytest.mark.parametrize("grain", ["week", "month", "year"])
@pytest.mark.parametrize("metric", TOTALS)
def test_the_last_day_of_a_period_is_its_value(market: Market, metric: str, grain: str) -> None:
    value, within = TOTALS[metric]
    assert market.ask(metric, f"metric_time__{grain}") == market.sql(f"""
        SELECT period, {value} FROM {LAST_DAYS.format(grain=grain)}
        JOIN market.orders ON {within.format(at="last_day")} GROUP BY 1""")


@pytest.mark.parametrize(
    "metric",
    [
        *("sales_ever", "sales_28_days", "sales_year_to_date", "smallest_ever", "median_ever"),
        *("buyers_28_days", "buyers_ever", "buyers_year_to_date", "notes_28_days"),
        *("sales_2_months", "buyers_2_months", "average_2_months", "median_28_days", "p25_2_months"),
    ],
)
def test_by_a_dimension_each_member_has_its_own(market: Market, metric: str) -> None:
    value, within = TOTALS[metric]
    assert market.ask(metric, "metric_time__month customer__segment") == market.sql(f"""
        SELECT period, segment, {value} FROM {LAST_DAYS.format(grain="month")}
        JOIN (market.orders LEFT JOIN market.customers USING (customer_id))
        ON {within.format(at="last_day")} GROUP BY 1, 2""")


@pytest.mark.parametrize("metric", ["sales_28_days", "sales_60_days", "sales_2_months", "smallest_2_months"])
def test_by_a_dimension_and_day(market: Market, metric: str) -> None:
    value, within = TOTALS[metric]
    assert market.ask(metric, "metric_time__day order__channel") == market.sql(f"""
        SELECT date_day, channel, {value} FROM market.days
        JOIN market.orders ON {within.format(at="date_day")} GROUP BY 1, 2""")


def test_of_long_windows_a_month_ago_several_days_look_at_one(market: Market) -> None:
    within = TWO_MONTHS.format(at="(date_day - INTERVAL 1 MONTH)")
    assert market.ask("sales_2_months_1_month_ago", "metric_time__day order__channel") == market.sql(f"""
        SELECT date_day, channel, sum(amount) FROM market.days
        JOIN market.orders ON {within} GROUP BY 1, 2""")


def test_long_windows_since_a_day_count_what_was_before(market: Market) -> None:
    since = "{{ TimeDimension('metric_time', 'day') }} >= '2024-02-15'"
    assert market.ask("sales_2_months", "metric_time__day order__channel", where=[since]) == market.sql(f"""
        SELECT date_day, channel, sum(amount) FROM market.days
        JOIN market.orders ON {TWO_MONTHS.format(at="date_day")}
        WHERE date_day >= '2024-02-15' GROUP BY 1, 2""")


def test_days_without_a_long_window_are_filled(market: Market) -> None:
    assert market.ask("sales_2_months_filled", "metric_time__day") == market.sql(f"""
        SELECT date_day, coalesce(sum(amount), 0) FROM market.days
        LEFT JOIN market.orders ON {TWO_MONTHS.format(at="date_day")} GROUP BY 1""")


DAILY = f"""(SELECT date_day, sum(amount) AS total FROM market.days
  JOIN market.orders ON {WINDOW.format(at="date_day")} GROUP BY 1)"""


def test_the_first_day_of_a_period_that_has_a_value(market: Market) -> None:
    assert market.ask("sales_28_days_first", "metric_time__month") == market.sql(f"""
        SELECT date_trunc('month', date_day), arg_min_null(total, date_day) FROM {DAILY} GROUP BY 1""")


def test_the_average_over_the_days_of_a_period(market: Market) -> None:
    assert market.ask("sales_28_days_average", "metric_time__month") == market.sql(f"""
        SELECT date_trunc('month', date_day), avg(total) FROM {DAILY} GROUP BY 1""")


def test_the_average_of_distinct_counts_over_the_days_of_a_period(market: Market) -> None:
    assert market.ask("buyers_28_days_average", "metric_time__month") == market.sql(f"""
        SELECT date_trunc('month', date_day), avg(buyers) FROM (
            SELECT date_day, count(DISTINCT customer_id) AS buyers FROM market.days
            JOIN market.orders ON {WINDOW.format(at="date_day")} GROUP BY 1) GROUP BY 1""")


def test_distinct_counts_a_month_ago(market: Market) -> None:
    assert market.ask("buyers_ever_1_month_ago", "metric_time__day") == market.sql("""
        SELECT date_day, count(DISTINCT customer_id) FROM market.days
        JOIN market.orders ON order_date <= date_day - INTERVAL 1 MONTH GROUP BY 1""")


def test_by_day_nothing_is_rolled_up(market: Market) -> None:
    assert market.ask("sales_28_days_average", "metric_time__day") == market.ask(
        "sales_28_days", "metric_time__day"
    )


def test_a_window_without_rows_has_no_value(market: Market) -> None:
    rows = dict(market.ask("sales_28_days", "metric_time__month"))
    assert "2024-04-01" not in rows
    assert "2023-12-01" not in rows


def test_all_time_without_a_period_is_one_total(market: Market) -> None:
    assert market.ask("sales_ever buyers_ever median_ever") == market.sql(
        f"SELECT sum(amount), count(DISTINCT customer_id), median({EXACTLY}) FROM market.orders"
    )


def test_all_time_by_a_dimension_alone(market: Market) -> None:
    assert market.ask("sales_ever", "order__channel") == market.sql(
        "SELECT channel, sum(amount) FROM market.orders GROUP BY 1"
    )


def test_a_filter_on_time_limits_what_is_shown_and_not_what_is_added_up(market: Market) -> None:
    where = ["{{ TimeDimension('metric_time', 'month') }} >= '2024-02-01'"]
    assert market.ask("sales_ever sales_year_to_date", "metric_time__month", where=where) == market.sql(f"""
        SELECT period, sum(amount), sum(amount) FILTER (year(order_date) = year(period))
        FROM {LAST_DAYS.format(grain="month")} JOIN market.orders ON order_date <= last_day
        WHERE period >= '2024-02-01' GROUP BY 1""")


def test_a_time_range_limits_what_is_shown_and_not_what_is_added_up(market: Market) -> None:
    asked = {"time_constraint": ["2024-02-10", "2024-03-05"]}
    assert market.ask("sales_28_days", "metric_time__day", **asked) == market.sql(f"""
        SELECT date_day, sum(amount) FROM market.days JOIN market.orders ON {WINDOW.format(at="date_day")}
        WHERE date_day BETWEEN '2024-02-10' AND '2024-03-05' GROUP BY 1""")


def test_a_filter_on_a_dimension_limits_what_is_added_up(market: Market) -> None:
    where = ["{{ Dimension('customer__segment') }} = 'retail'"]
    assert market.ask("sales_ever", "metric_time__month", where=where) == market.sql(f"""
        SELECT period, sum(amount) FROM {LAST_DAYS.format(grain="month")}
        JOIN (market.orders JOIN market.customers USING (customer_id)) ON order_date <= last_day
        WHERE segment = 'retail' GROUP BY 1""")


def test_a_filter_on_time_and_a_dimension_together(market: Market) -> None:
    text = "{{ TimeDimension('metric_time', 'day') }} >= '2024-02-29' OR order__channel = 'web'"
    assert market.ask("sales_ever", "metric_time__day", where=[text]) == market.sql("""
        SELECT date_day, sum(amount) FROM market.days JOIN market.orders ON order_date <= date_day
        WHERE date_day >= '2024-02-29' OR channel = 'web' GROUP BY 1""")


def test_a_running_total_a_month_ago(market: Market) -> None:
    assert market.ask("sales_ever_1_month_ago", "metric_time__month") == market.sql(f"""
        SELECT period, sum(amount) FROM {LAST_DAYS.format(grain="month")}
        JOIN market.orders ON order_date <= last_day - INTERVAL 1 MONTH GROUP BY 1""")


def test_totals_beside_the_sales_of_the_period(market: Market) -> None:
    assert market.ask("sales sales_ever sales_28_days", "metric_time__month") == market.sql(f"""
        SELECT period, sum(amount) FILTER (order_date >= period), sum(amount),
          sum(amount) FILTER ({WINDOW.format(at="last_day")})
        FROM {LAST_DAYS.format(grain="month")} JOIN market.orders ON order_date <= last_day GROUP BY 1""")


def test_by_a_period_of_the_calendar(market: Market) -> None:
    assert market.ask("sales_ever", "metric_time__sprint") == market.sql("""
        SELECT sprint_start, sum(amount)
        FROM (SELECT sprint_start, max(date_day) AS last_day FROM market.days GROUP BY 1)
        JOIN market.orders ON order_date <= last_day GROUP BY 1""")


def test_hours_by_a_period_of_the_calendar(market: Market) -> None:
    assert market.ask("watts_24_hours", "metric_time__sprint") == market.sql("""
        SELECT sprint_start, sum(watts) FROM
          (SELECT sprint_start, max(hour_start) AS last_hour FROM market.hours
           JOIN market.days ON date_day = date_trunc('day', hour_start) GROUP BY 1)
        JOIN market.readings ON date_trunc('hour', read_at) <= last_hour
        AND date_trunc('hour', read_at) > last_hour - INTERVAL 24 HOUR GROUP BY 1""")


@pytest.mark.parametrize(("metric", "hours"), [("watts_24_hours", 24), ("watts_2_days", 48)])
def test_by_hour_a_window_of_hours(market: Market, metric: str, hours: int) -> None:
    assert market.ask(metric, "metric_time__hour reading__store") == market.sql(f"""
        SELECT hour_start, store_id, sum(watts) FROM market.hours JOIN market.readings
        ON date_trunc('hour', read_at) <= hour_start
        AND date_trunc('hour', read_at) > hour_start - INTERVAL {hours} HOUR GROUP BY 1, 2""")


def test_a_window_needs_a_period(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales_28_days", "order__channel")
    assert caught.value.code == "needs-time"
    assert "metric_time__month" in caught.value.todo


def test_all_mondays_are_no_period_to_read_a_running_total_in(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales_month_to_date", "metric_time__extract_dow")
    assert caught.value.code == "needs-time"
    assert market.ask("sales_ever", "metric_time__extract_year") == [
        (int(month[:4]), value)
        for month, value in market.ask("sales_ever", "metric_time__month")
        if month in ("2023-12-01", "2024-06-01")
    ]
