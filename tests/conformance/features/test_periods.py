"""Time at grains: from hours to years, periods of one's own calendar, parts of dates, several time spines."""

import pytest

from plumbline.errors import DefinitionError
from tests.conformance.features.market import Market


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter", "year"])
def test_by_period(market: Market, grain: str) -> None:
    assert market.ask("sales", f"metric_time__{grain}") == market.sql(
        f"SELECT date_trunc('{grain}', order_date), sum(amount) FROM market.orders GROUP BY 1"
    )


def test_two_grains_at_once(market: Market) -> None:
    assert market.ask("sales", "metric_time__week metric_time__month") == market.sql("""
        SELECT date_trunc('week', order_date), date_trunc('month', order_date), sum(amount)
        FROM market.orders GROUP BY 1, 2""")


def test_without_a_grain_it_is_of_days(market: Market) -> None:
    assert market.columns("sales", "metric_time") == ["metric_time__day", "sales"]
    assert market.columns("watts", "metric_time") == ["metric_time__day", "watts"]


def test_a_time_of_a_row_at_a_grain(market: Market) -> None:
    assert market.ask("orders", "order__shipped_on__month") == market.sql(
        "SELECT date_trunc('month', ship_date), count(*) FROM market.orders GROUP BY 1"
    )


def test_a_name_may_be_given_with_its_grain_apart(market: Market) -> None:
    query = {"metrics": ["orders"], "group_by": [{"name": "metric_time", "grain": "MONTH"}]}
    assert market.ask_as(query) == market.ask("orders", "metric_time__month")
    query["group_by"] = [{"name": "metric_time", "date_part": "dow"}]
    assert market.ask_as(query) == market.ask("orders", "metric_time__extract_dow")


# -- parts of dates


@pytest.mark.parametrize("part", ["year", "quarter", "month", "day", "doy"])
def test_a_part_of_a_date(market: Market, part: str) -> None:
    assert market.ask("sales", f"metric_time__extract_{part}") == market.sql(
        f"SELECT date_part('{part}', order_date), sum(amount) FROM market.orders GROUP BY 1"
    )


def test_days_of_the_week_count_from_monday(market: Market) -> None:
    assert market.ask("sales", "metric_time__extract_dow") == market.sql(
        "SELECT isodow(order_date), sum(amount) FROM market.orders GROUP BY 1"
    )


def test_a_part_of_a_joined_date(market: Market) -> None:
    assert market.ask("orders", "customer__joined_on__extract_quarter") == market.sql("""
        SELECT quarter(joined_on), count(*) FROM market.orders LEFT JOIN market.customers USING (customer_id)
        GROUP BY 1""")


def test_a_part_and_a_period_together(market: Market) -> None:
    assert market.ask("orders", "metric_time__month metric_time__extract_dow") == market.sql("""
        SELECT date_trunc('month', order_date), isodow(order_date), count(*) FROM market.orders
        GROUP BY 1, 2""")


def test_a_part_of_a_shifted_time_is_that_of_the_period_asked_for(market: Market) -> None:
    assert market.ask("sales_1_month_ago", "metric_time__month metric_time__extract_year") == market.sql("""
        SELECT later, year(later), sum(amount)
        FROM (SELECT date_trunc('month', order_date) + INTERVAL 1 MONTH AS later, amount FROM market.orders)
        WHERE later < DATE '2024-07-01' GROUP BY 1, 2""")


# -- periods of the company's own calendar


@pytest.mark.parametrize(("grain", "column"), [("sprint", "sprint_start"), ("season", "season")])
def test_by_a_period_of_the_calendar(market: Market, grain: str, column: str) -> None:
    assert market.ask("sales", f"metric_time__{grain}") == market.sql(f"""
        SELECT {column}, sum(amount) FROM market.orders LEFT JOIN market.days ON date_day = order_date
        GROUP BY 1""")


def test_a_filter_on_a_period_of_the_calendar(market: Market) -> None:
    where = ["{{ TimeDimension('metric_time', 'season') }} = '2023-12-01'"]
    assert market.ask("sales", "metric_time__month", where=where) == market.sql("""
        SELECT date_trunc('month', order_date), sum(amount) FROM market.orders
        JOIN market.days ON date_day = order_date WHERE season = '2023-12-01' GROUP BY 1""")


def test_a_joined_time_by_a_period_of_the_calendar(market: Market) -> None:
    assert market.ask("orders", "customer__joined_on__sprint") == market.sql("""
        SELECT sprint_start, count(*) FROM market.orders LEFT JOIN market.customers USING (customer_id)
        LEFT JOIN market.days ON date_day = joined_on GROUP BY 1""")


def test_two_times_by_the_calendar_are_looked_up_apart(market: Market) -> None:
    assert market.ask(
        "sales", "metric_time__sprint order__shipped_on__sprint metric_time__season"
    ) == market.sql("""
        SELECT o.sprint_start, s.sprint_start, o.season, sum(amount) FROM market.orders
        LEFT JOIN market.days o ON o.date_day = order_date LEFT JOIN market.days s ON s.date_day = ship_date
        GROUP BY 1, 2, 3""")


def test_a_day_beyond_the_calendar_has_the_empty_period(market: Market) -> None:
    assert market.ask(
        "orders", "store__opened_on__season", where=["{{ Entity('store') }} = 1"]
    ) == market.sql("SELECT NULL, count(*) FROM market.orders WHERE store_id = 1")


def test_hours_have_the_calendar_of_their_day(market: Market) -> None:
    assert market.ask("watts", "metric_time__sprint") == market.sql("""
        SELECT sprint_start, sum(watts) FROM market.readings LEFT JOIN market.days ON date_day = read_at::DATE
        GROUP BY 1""")


# -- shorter than a day


@pytest.mark.parametrize("grain", ["hour", "day", "week", "month"])
def test_hourly_data_by_period(market: Market, grain: str) -> None:
    assert market.ask("watts", f"metric_time__{grain}") == market.sql(
        f"SELECT date_trunc('{grain}', read_at), sum(watts) FROM market.readings GROUP BY 1"
    )


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_the_hour_that_a_clock_change_leaves_out_stays_what_the_data_say(market: Market, zone: str) -> None:
    sql = market.compiled(
        "watts watts_filled", "metric_time__hour", where=["metric_time__hour = '2024-03-31 02:00:00'"]
    )
    found = market.engine.rows(sql, zone)
    assert [(str(row[0]), int(row[1]), int(row[2])) for row in found] == [("2024-03-31 02:00:00", 24, 24)]


def test_an_hour_ago(market: Market) -> None:
    assert market.ask("watts_1_hour_ago", "metric_time__hour") == market.sql("""
        SELECT hour_start, sum(watts) FROM market.hours
        JOIN market.readings ON date_trunc('hour', read_at) = hour_start - INTERVAL 1 HOUR GROUP BY 1""")


def test_by_day_an_hour_ago_takes_the_hour_before_midnight_from_the_day_before(market: Market) -> None:
    assert market.ask("watts_1_hour_ago", "metric_time__day") == market.sql("""
        SELECT date_trunc('day', hour_start), sum(watts) FROM market.hours
        JOIN market.readings ON date_trunc('hour', read_at) = hour_start - INTERVAL 1 HOUR GROUP BY 1""")


def test_a_filter_on_hours(market: Market) -> None:
    where = ["{{ TimeDimension('metric_time', 'hour') }} >= '2024-03-31 02:00:00'"]
    assert market.ask("watts", "metric_time__day", where=where) == market.sql("""
        SELECT date_trunc('day', read_at), sum(watts) FROM market.readings
        WHERE date_trunc('hour', read_at) >= '2024-03-31 02:00:00' GROUP BY 1""")


def test_a_range_of_days_has_the_last_hour_of_its_last_day(market: Market) -> None:
    assert market.ask(
        "watts", "metric_time__hour", time_constraint=["2024-03-31", "2024-04-01"]
    ) == market.sql("""
        SELECT date_trunc('hour', read_at), sum(watts) FROM market.readings
        WHERE read_at >= '2024-03-31' AND read_at < '2024-04-02' GROUP BY 1""")


def test_a_range_of_hours(market: Market) -> None:
    span = ["2024-03-31T01:00:00", "2024-03-31T02:00:00"]
    assert market.ask("watts", "metric_time__hour", time_constraint=span) == market.sql("""
        SELECT date_trunc('hour', read_at), sum(watts) FROM market.readings
        WHERE date_trunc('hour', read_at) BETWEEN '2024-03-31 01:00:00' AND '2024-03-31 02:00:00'
        GROUP BY 1""")


def test_a_grain_shorter_than_that_of_the_data_is_refused(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales", "metric_time__hour")
    assert caught.value.code == "grain-too-fine"
    assert "longer period" in caught.value.todo


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("grain", "spine"),
    [("hour", "hours"), ("day", "days"), ("week", "days"), ("month", "months"), ("year", "months")],
)
def test_the_shortest_time_spine_that_has_every_period_is_read(
    market: Market, grain: str, spine: str
) -> None:
    metric = "watts_filled" if grain == "hour" else "orders_filled"
    sql = market.compiled(metric, f"metric_time__{grain}")
    assert [name for name in ("hours", "days", "months") if f"market.{name}" in sql] == [spine]
