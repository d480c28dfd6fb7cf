"""Conversions: what follows an event of the same entity, within a window, counted for the last such event."""

import pytest

from plumbline.errors import DefinitionError
from tests.conformance.features.market import Market

# Each order, and the last visit of its customer before it (within a window, or by some property).
FOLLOWED = """(SELECT order_id, max(visited_on) AS visited_on, o.customer_id FROM market.orders o
  JOIN (SELECT * FROM market.visits WHERE {visits}) v
  ON v.customer_id = o.customer_id AND v.visited_on <= o.order_date AND {within} GROUP BY ALL)"""
WEEK = "v.visited_on > o.order_date - INTERVAL 7 DAY"
VISITS = "market.visits v LEFT JOIN market.customers USING (customer_id)"


def followed(within: str = "true", visits: str = "true") -> str:
    return FOLLOWED.format(within=within, visits=visits)


@pytest.mark.parametrize(("metric", "within"), [("visit_to_order", "true"), ("visit_to_order_week", WEEK)])
def test_the_rate_in_all(market: Market, metric: str, within: str) -> None:
    assert market.ask(metric) == market.sql(f"""
        SELECT (SELECT count(*) FROM {followed(within)}) / (SELECT count(*) FROM market.visits)""")


@pytest.mark.parametrize(("metric", "within"), [("visit_to_order", "true"), ("visit_to_order_week", WEEK)])
def test_an_order_counts_in_the_month_of_the_visit(market: Market, metric: str, within: str) -> None:
    assert market.ask(metric, "metric_time__month") == market.sql(f"""
        SELECT month, n / visits FROM
          (SELECT date_trunc('month', visited_on) AS month, count(*) AS visits FROM market.visits GROUP BY 1)
        LEFT JOIN (SELECT date_trunc('month', visited_on) AS month, count(*) AS n FROM {followed(within)}
          GROUP BY 1) USING (month)""")


def test_the_count_has_a_row_for_every_visit(market: Market) -> None:
    assert market.ask("orders_after_visit", "metric_time__day") == market.sql(f"""
        SELECT DISTINCT v.visited_on, n FROM market.visits v
        LEFT JOIN (SELECT visited_on, count(*) AS n FROM {followed(WEEK)} GROUP BY 1) f USING (visited_on)""")


def test_the_count_may_be_filled(market: Market) -> None:
    assert market.ask("orders_after_visit_filled", "metric_time__day") == market.sql(f"""
        SELECT DISTINCT v.visited_on, coalesce(n, 0) FROM market.visits v
        LEFT JOIN (SELECT visited_on, count(*) AS n FROM {followed(WEEK)} GROUP BY 1) f USING (visited_on)""")


def test_the_count_may_be_beside_every_day(market: Market) -> None:
    assert market.ask("orders_after_visit_on_spine", "metric_time__day") == market.sql(f"""
        SELECT date_day, n FROM market.days
        LEFT JOIN (SELECT visited_on, count(*) AS n FROM {followed(WEEK)} GROUP BY 1)
          ON visited_on = date_day""")


def test_only_metric_time_is_beside_every_day(market: Market) -> None:
    assert market.ask("orders_after_visit_on_spine", "visit__visited_on") == market.sql(f"""
        SELECT DISTINCT v.visited_on, n FROM market.visits v
        LEFT JOIN (SELECT visited_on, count(*) AS n FROM {followed(WEEK)} GROUP BY 1) f USING (visited_on)""")


def test_the_day_a_window_before_is_outside(market: Market) -> None:
    rows = dict(market.ask("orders_after_visit", "metric_time__day", where=["visit__source = 'web'"]))
    assert (rows["2024-01-24"], rows["2024-01-25"]) == (None, 1.0)


def test_an_order_on_the_day_of_the_visit_follows_it(market: Market) -> None:
    rows = market.ask("orders_after_visit", "metric_time__day", where=["{{ Entity('customer') }} = 4"])
    assert rows == [("2024-02-29", 1.0)]


def test_of_two_visits_the_last_one_counts(market: Market) -> None:
    rows = market.ask("orders_after_visit", "visit", where=["{{ Entity('customer') }} = 1"])
    assert rows == [(1.0, None), (2.0, None), (3.0, 1.0)]


@pytest.mark.parametrize("grain", ["week", "month"])
@pytest.mark.parametrize("asked", ["day", "week", "month"])
def test_what_is_known_by_the_month_follows_the_first_event_of_the_month(
    market: Market, grain: str, asked: str
) -> None:
    assert market.ask(f"{grain}ly_bills_after_visit", f"metric_time__{asked}") == market.sql(f"""
        WITH visit AS (SELECT customer_id, date_trunc('{grain}', visited_on) AS at, min(visited_on) AS first
            FROM market.visits GROUP BY ALL),
          bill AS (SELECT date_trunc('{grain}', order_date) AS at, * FROM market.orders),
          last AS (SELECT order_id, max_by(first, visit.at) AS first FROM bill JOIN visit
            ON bill.customer_id = visit.customer_id
            AND visit.at <= bill.at AND visit.at > bill.at - INTERVAL 2 {grain} GROUP BY 1),
          told AS (SELECT date_trunc('{asked}', first) AS asked, count(*) AS bills FROM last GROUP BY 1)
        SELECT DISTINCT date_trunc('{asked}', visited_on) AS asked, bills
        FROM market.visits LEFT JOIN told ON asked = date_trunc('{asked}', visited_on)""")


def test_a_constant_property_must_be_the_same(market: Market) -> None:
    assert market.ask("visit_to_same_channel", "visit__source") == market.sql("""
        SELECT source, n FROM (SELECT DISTINCT source FROM market.visits) LEFT JOIN
          (SELECT source, count(*) AS n FROM (
             SELECT order_id, source, max(visited_on) FROM market.orders o JOIN market.visits v
             ON v.customer_id = o.customer_id AND visited_on <= order_date AND source = channel GROUP BY 1, 2)
           GROUP BY 1) USING (source)""")


def test_a_filter_of_the_first_event(market: Market) -> None:
    web = followed(WEEK, "source = 'web'")
    assert market.ask("web_visit_to_order") == market.sql(f"""
        SELECT (SELECT count(*) FROM {web}) / (SELECT count(*) FROM market.visits WHERE source = 'web')""")


def test_a_filter_of_the_question_is_on_the_first_event(market: Market) -> None:
    where = ["{{ Dimension('customer__segment') }} = 'retail'"]
    assert market.ask("visit_to_order_week", where=where) == market.sql(f"""
        SELECT (SELECT count(*) FROM {followed(WEEK)} JOIN market.customers USING (customer_id)
            WHERE segment = 'retail') / count(*) FROM {VISITS} WHERE segment = 'retail'""")


def test_by_a_joined_dimension(market: Market) -> None:
    assert market.ask("visit_to_order_week", "customer__segment") == market.sql(f"""
        SELECT v.segment, n / visits FROM (SELECT segment, count(*) AS visits FROM {VISITS} GROUP BY 1) v
        LEFT JOIN (SELECT segment, count(*) AS n FROM {followed(WEEK)}
        JOIN market.customers USING (customer_id)
          GROUP BY 1) f ON v.segment IS NOT DISTINCT FROM f.segment""")


def test_an_order_after_the_end_of_the_range_still_follows(market: Market) -> None:
    assert market.ask("orders_after_visit", time_constraint=["2024-05-30", "2024-05-30"]) == market.sql(
        f"SELECT count(*) FROM {followed(WEEK)} WHERE visited_on = '2024-05-30'"
    )


def test_beside_the_visits_themselves(market: Market) -> None:
    assert market.ask("visits orders_after_visit orders", "metric_time__month") == market.sql(f"""
        SELECT month, sum(v), sum(f), sum(o) FROM (
          SELECT date_trunc('month', visited_on) AS month, 1 AS v, NULL AS f, NULL AS o FROM market.visits
          UNION ALL SELECT date_trunc('month', visited_on), NULL, 1, NULL FROM {followed(WEEK)}
          UNION ALL SELECT date_trunc('month', order_date), NULL, NULL, 1 FROM market.orders) GROUP BY 1""")


def test_by_a_dimension_of_what_follows_is_refused(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("visit_to_order", "order__channel")
    assert caught.value.code == "unreachable-dimension"
