"""Measures with a time of their own, beside those that have the time of their model."""

from tests.conformance.features.market import Market


def test_a_measure_is_aggregated_by_its_own_time(market: Market) -> None:
    assert market.ask("shipped_sales", "metric_time__month") == market.sql(
        "SELECT date_trunc('month', ship_date), sum(amount) FROM market.orders GROUP BY 1"
    )


def test_rows_without_that_time_are_one_group(market: Market) -> None:
    assert sum(row[0] is None for row in market.ask("shipped_sales", "metric_time__day")) == 1


def test_two_times_of_one_model_meet_in_one_period(market: Market) -> None:
    assert market.ask("sales shipped_sales", "metric_time__month") == market.sql("""
        SELECT month, sum(o), sum(s) FROM (
          SELECT date_trunc('month', order_date) AS month, amount AS o, NULL AS s FROM market.orders
          UNION ALL SELECT date_trunc('month', ship_date), NULL, amount FROM market.orders) GROUP BY 1""")


def test_a_filter_on_time_is_on_the_time_of_each_measure(market: Market) -> None:
    where = ["{{ TimeDimension('metric_time', 'month') }} = '2024-02-01'"]
    assert market.ask("sales shipped_sales", where=where) == market.sql("""
        SELECT sum(amount) FILTER (date_trunc('month', order_date) = '2024-02-01'),
          sum(amount) FILTER (date_trunc('month', ship_date) = '2024-02-01') FROM market.orders""")


def test_a_time_range_is_of_the_time_of_each_measure(market: Market) -> None:
    assert market.ask("sales shipped_sales", time_constraint=["2024-03-01", "2024-03-31"]) == market.sql("""
        SELECT sum(amount) FILTER (order_date BETWEEN '2024-03-01' AND '2024-03-31'),
          sum(amount) FILTER (ship_date BETWEEN '2024-03-01' AND '2024-03-31') FROM market.orders""")


def test_under_its_own_name_it_is_a_dimension_of_all(market: Market) -> None:
    assert market.ask("sales shipped_sales", "order__shipped_on__month") == market.sql(
        "SELECT date_trunc('month', ship_date), sum(amount), sum(amount) FROM market.orders GROUP BY 1"
    )


def test_the_other_time_may_be_a_dimension_beside_it(market: Market) -> None:
    assert market.ask("shipped_sales", "metric_time__month order__ordered_on__month") == market.sql("""
        SELECT date_trunc('month', ship_date), date_trunc('month', order_date), sum(amount)
        FROM market.orders GROUP BY 1, 2""")
