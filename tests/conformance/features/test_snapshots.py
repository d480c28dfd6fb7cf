"""Stock is added up over places, never over time: only the first or the last moment counts."""

import pytest

from tests.conformance.features.market import Market

# The moment that counts, per period and per grouping; an empty key of a grouping is a group of its own.
CHOSEN = """SELECT {keys} sum(on_hand) FROM market.stock s LEFT JOIN market.products USING (product_id)
  LEFT JOIN market.stores t USING (store_id)
  WHERE stock_date = (SELECT {choice}(stock_date) FROM market.stock c WHERE {same}) GROUP BY ALL"""
SAME_STORE = "c.store_id IS NOT DISTINCT FROM s.store_id"
CHOICES = [
    ("last_stock", "max", "true"),
    ("first_stock", "min", "true"),
    ("last_stock_by_store", "max", SAME_STORE),
    ("first_stock_by_store", "min", SAME_STORE),
]


@pytest.mark.parametrize(("metric", "choice", "same"), CHOICES)
def test_in_all(market: Market, metric: str, choice: str, same: str) -> None:
    assert market.ask(metric) == market.sql(CHOSEN.format(keys="", choice=choice, same=same))


@pytest.mark.parametrize("grain", ["day", "month", "quarter", "year"])
@pytest.mark.parametrize(("metric", "choice", "same"), CHOICES)
def test_by_period_each_period_has_its_own_moment(
    market: Market, metric: str, choice: str, same: str, grain: str
) -> None:
    period = f"date_trunc('{grain}', stock_date)"
    same = f"{same} AND date_trunc('{grain}', c.stock_date) = date_trunc('{grain}', s.stock_date)"
    assert market.ask(metric, f"metric_time__{grain}") == market.sql(
        CHOSEN.format(keys=f"{period},", choice=choice, same=same)
    )


@pytest.mark.parametrize(("metric", "choice", "same"), CHOICES)
def test_by_a_dimension_the_moment_is_that_of_all(
    market: Market, metric: str, choice: str, same: str
) -> None:
    assert market.ask(metric, "product__category") == market.sql(
        CHOSEN.format(keys="category,", choice=choice, same=same)
    )


@pytest.mark.parametrize(("metric", "choice", "same"), CHOICES)
def test_by_the_grouping_and_a_period(market: Market, metric: str, choice: str, same: str) -> None:
    same = f"{same} AND date_trunc('month', c.stock_date) = date_trunc('month', s.stock_date)"
    assert market.ask(metric, "metric_time__month store") == market.sql(
        CHOSEN.format(keys="date_trunc('month', stock_date), store_id,", choice=choice, same=same)
    )


def test_a_filter_is_asked_before_the_moment_is_chosen(market: Market) -> None:
    assert market.ask("last_stock", where=["{{ Dimension('store__city') }} = 'Ada'"]) == market.sql("""
        SELECT sum(on_hand) FROM market.stock WHERE store_id = 1 AND stock_date = '2024-04-30'""")


def test_the_last_moment_of_a_time_range(market: Market) -> None:
    assert market.ask("last_stock", time_constraint=["2024-01-01", "2024-02-15"]) == market.sql(
        "SELECT sum(on_hand) FROM market.stock WHERE stock_date = '2024-02-10'"
    )


def test_an_average_is_over_the_rows_of_the_moment(market: Market) -> None:
    assert market.ask("average_last_stock", "metric_time__month") == market.sql("""
        SELECT date_trunc('month', stock_date), avg(on_hand) FROM market.stock
        WHERE stock_date IN (SELECT max(stock_date) FROM market.stock
        GROUP BY date_trunc('month', stock_date))
        GROUP BY 1""")


def test_a_period_without_stock_stays_a_hole(market: Market) -> None:
    assert "2024-03-01" not in dict(market.ask("last_stock", "metric_time__month"))


def test_under_its_own_name_the_time_is_the_same(market: Market) -> None:
    by_own_name = market.ask("last_stock", "stock_row__stock_date__month")
    assert list(by_own_name) == market.ask("last_stock", "metric_time__month")


def test_first_and_last_side_by_side(market: Market) -> None:
    rows = market.ask("first_stock last_stock last_stock_by_store", "metric_time__quarter")
    alone = [
        market.ask(name, "metric_time__quarter")
        for name in ("first_stock", "last_stock", "last_stock_by_store")
    ]
    assert rows == [(a[0], a[1], b[1], c[1]) for a, b, c in zip(*alone, strict=True)]
