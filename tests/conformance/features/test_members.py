"""Questions without metrics: the members of dimensions, alone and together, their ends, and periods."""

from typing import Any

import pytest

from plumbline.errors import DefinitionError
from tests.conformance.features.market import Market


@pytest.mark.parametrize(
    ("by", "by_hand"),
    [
        ("customer__segment", "SELECT DISTINCT segment FROM market.customers"),
        ("customer", "SELECT customer_id FROM market.customers"),
        ("store__city store", "SELECT city, store_id FROM market.stores"),
        ("order__channel", "SELECT DISTINCT channel FROM market.orders"),
        (
            "customer__joined_on__month",
            "SELECT DISTINCT date_trunc('month', joined_on) FROM market.customers",
        ),
        ("customer__joined_on__extract_year", "SELECT DISTINCT year(joined_on) FROM market.customers"),
        ("metric_time__month", "SELECT DISTINCT date_trunc('month', date_day) FROM market.days"),
        ("metric_time", "SELECT date_day FROM market.days"),
        ("metric_time__sprint", "SELECT DISTINCT sprint_start FROM market.days"),
        ("metric_time__hour", "SELECT hour_start FROM market.hours"),
        ("metric_time__extract_dow", "SELECT DISTINCT isodow(date_day) FROM market.days"),
    ],
)
def test_of_one_model(market: Market, by: str, by_hand: str) -> None:
    assert market.ask("", by) == market.sql(by_hand)


@pytest.mark.parametrize(
    ("by", "by_hand"),
    [
        ("order__store", "SELECT DISTINCT store_id FROM market.orders"),
        ("customer__region", "SELECT DISTINCT region_id FROM market.customers"),
        ("store", "SELECT store_id FROM market.stores"),
    ],
)
def test_keys_that_a_way_leads_to_are_those_that_its_rows_have(market: Market, by: str, by_hand: str) -> None:
    assert market.ask("", by) == market.sql(by_hand)


def test_periods_of_the_calendar_beside_hours(market: Market) -> None:
    assert market.ask("", "metric_time__sprint metric_time__hour") == market.sql("""
        SELECT sprint_start, hour_start FROM market.hours
        JOIN market.days ON date_day = date_trunc('day', hour_start)""")


@pytest.mark.one_engine
@pytest.mark.parametrize(
    "more", [{}, {"where": ["{{ TimeDimension('metric_time', 'fortnight') }} > '2024-01-01'"]}]
)
def test_a_period_that_nothing_knows_is_refused(market: Market, more: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.compiled_as(
            {"group_by": [{"name": "metric_time", "grain": "" if more else "fortnight"}], **more}
        )
    assert caught.value.code == "unknown-grain"


@pytest.mark.one_engine
def test_the_same_period_under_two_names_is_asked_for_twice(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.compiled("", "metric_time metric_time__day")
    assert caught.value.code == "asked-twice"


def test_of_two_models_with_those_that_never_met(market: Market) -> None:
    assert market.ask("", "customer__segment customer__region__region_name") == market.sql("""
        SELECT DISTINCT segment, region_name FROM market.customers FULL
        JOIN market.regions USING (region_id)""")


def test_with_every_period_beside_each(market: Market) -> None:
    assert market.ask("", "customer__segment metric_time__quarter") == market.sql("""
        SELECT DISTINCT segment, date_trunc('quarter', date_day) FROM market.customers, market.days""")


def test_that_never_met_stand_under_no_period(market: Market) -> None:
    asked = "customer__segment customer__region__region_name metric_time__year"
    met = """SELECT DISTINCT segment, region_name, year FROM (
        SELECT * FROM market.customers,
          (SELECT DISTINCT date_trunc('year', date_day) AS year FROM market.days))
        FULL JOIN market.regions USING (region_id)"""
    assert market.ask("", asked) == market.sql(met)
    limited = market.ask("", asked, time_constraint=["2024-01-01", "2024-12-31"])
    assert limited == market.sql(f"SELECT * FROM ({met}) WHERE year = '2024-01-01'")


def test_that_meet_a_condition(market: Market) -> None:
    where = ["{{ Dimension('customer__region__region_name') }} = 'North'"]
    assert market.ask("", "customer", where=where) == market.sql(
        "SELECT customer_id FROM market.customers WHERE region_id = 1"
    )


def test_that_meet_a_condition_on_a_metric(market: Market) -> None:
    where = ["{{ Metric('orders', group_by=['customer']) }} > 2"]
    assert market.ask("", "customer__segment", where=where) == market.sql("""
        SELECT DISTINCT segment FROM market.customers
        WHERE customer_id IN (SELECT customer_id FROM market.orders GROUP BY 1 HAVING count(*) > 2)""")


def test_an_empty_member_meets_no_condition_on_a_metric(market: Market) -> None:
    where = ["{{ Metric('orders', group_by=['customer']) }} > 0"]
    assert market.ask("", "customer", where=where) == market.sql("""
        SELECT customer_id FROM market.customers SEMI JOIN market.orders USING (customer_id)""")


def test_periods_that_meet_a_condition(market: Market) -> None:
    where = ["{{ TimeDimension('metric_time', 'day') }} BETWEEN '2024-01-31' AND '2024-02-01'"]
    assert market.ask("", "metric_time__month", where=where) == [("2024-01-01",), ("2024-02-01",)]


def test_a_condition_on_members_and_periods_together(market: Market) -> None:
    text = "{{ TimeDimension('metric_time', 'day') }} = {{ TimeDimension('customer__joined_on', 'day') }}"
    assert market.ask("", "customer metric_time__month", where=[text]) == market.sql("""
        SELECT customer_id, date_trunc('month', joined_on) FROM market.customers
        WHERE joined_on IS NOT NULL""")


def test_a_condition_on_members_alone_keeps_every_period(market: Market) -> None:
    where = ["{{ Dimension('customer__segment') }} = 'retail'"]
    assert market.ask("", "metric_time__year", where=where) == market.ask("", "metric_time__year")


def test_periods_of_a_time_range(market: Market) -> None:
    asked = {"time_constraint": ["2024-01-30", "2024-02-02"]}
    assert market.ask("", "metric_time__day", **asked) == market.sql(
        "SELECT date_day FROM market.days WHERE date_day BETWEEN '2024-01-30' AND '2024-02-02'"
    )


def test_periods_of_exact_days(market: Market) -> None:
    assert market.ask("", "metric_time__month", range=["2024-01-30", "2024-02-02"]) == [
        ("2024-01-01",),
        ("2024-02-01",),
    ]


@pytest.mark.parametrize("key", ["time_constraint", "range"])
def test_a_time_range_needs_a_time(market: Market, key: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("", "customer__segment", **{key: ["2024-01-30", "2024-02-02"]})
    assert caught.value.code == "needs-time"
    assert "metric_time__month" in caught.value.todo


def test_the_first_and_the_last(market: Market) -> None:
    assert market.columns("", "customer__joined_on", min_max_only=True) == [
        "customer__joined_on__day__min",
        "customer__joined_on__day__max",
    ]
    assert market.ask("", "customer__joined_on", min_max_only=True) == market.sql(
        "SELECT min(joined_on), max(joined_on) FROM market.customers"
    )


def test_the_first_and_last_period(market: Market) -> None:
    assert market.ask("", "metric_time__month", min_max_only=True) == [("2023-01-01", "2024-06-01")]


def test_every_row_without_grouping(market: Market) -> None:
    assert market.ask("", "order__channel", apply_group_by=False) == market.sql(
        "SELECT channel FROM market.orders"
    )


def test_every_row_beside_every_day_without_grouping(market: Market) -> None:
    rows = market.ask("", "country__country_name metric_time__quarter", apply_group_by=False)
    assert rows == market.sql("""
        SELECT country_name, date_trunc('quarter', month_start) FROM market.countries, market.months""")


def test_ordered_and_limited(market: Market) -> None:
    rows = market.ask("", "customer__segment", order_by=["-customer__segment"], limit=2)
    assert rows == market.sql(
        "SELECT DISTINCT segment FROM market.customers ORDER BY 1 DESC NULLS LAST LIMIT 2", ordered=True
    )


def test_a_time_is_ordered_by_its_name_with_or_without_the_grain(market: Market) -> None:
    for name in ("customer__joined_on", "customer__joined_on__day"):
        rows = market.ask("", "customer__joined_on", order_by=[f"-{name}"], limit=1)
        assert rows == market.sql("SELECT max(joined_on) FROM market.customers")


def test_what_only_a_fact_brings_together_is_for_a_metric_to_ask(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("", "customer__segment store__city")
    assert caught.value.code == "unreachable-dimension"
    assert "metric" in caught.value.todo


@pytest.mark.parametrize("more", [{"min_max_only": True}, {"apply_group_by": False}])
def test_what_is_for_members_does_not_go_with_metrics(market: Market, more: dict[str, bool]) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales", "customer__segment", **more)
    assert caught.value.code == "bad-query"


def test_the_least_and_greatest_of_a_saved_query_of_metrics_are_refused(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask_as({"saved_query": "best_segments", "min_max_only": True})
    assert caught.value.code == "bad-query"
