"""Periods that begin before the data are partial, and so is whatever is compared with them."""

from datetime import date
from typing import Any

import pytest

from plumbline.definitions import load
from plumbline.indicators.coverage import data_from, read_coverage
from tests.unit.indicators.conftest import Builder

# An order a day from 22 November 2023 on; stock at the ends of months.
DAILY = """
DELETE FROM marts.orders; DELETE FROM marts.stock;
DELETE FROM marts.days;
INSERT INTO marts.days SELECT CAST(d AS DATE)
  FROM range(DATE '2023-11-22', DATE '2025-03-11', INTERVAL 1 DAY) r(d);
INSERT INTO marts.orders SELECT row_number() OVER (), d, 1, 1, 10, 6, 1
  FROM range(DATE '2023-11-22', DATE '2025-03-11', INTERVAL 1 DAY) r(d);
INSERT INTO marts.stock SELECT 1, last_day(CAST(d AS DATE)), 5
  FROM range(DATE '2023-11-01', DATE '2025-02-02', INTERVAL 1 MONTH) r(d);
"""


@pytest.fixture
def daily(build: Builder) -> Builder:
    build.con.execute(DAILY)
    build()
    return build


def partial(build: Builder, metric: str, grain: str) -> list[str]:
    rows = build.rows(f"""
        SELECT period_start FROM candidates.indicator_value
        WHERE metric = '{metric}' AND grain = '{grain}' AND dimensions = '' AND is_partial ORDER BY 1""")
    return [row[0].isoformat() for row in rows]


@pytest.mark.parametrize(
    ("grain", "periods"),
    [
        ("month", ["2023-11-01", "2025-03-01"]),
        ("quarter", ["2023-10-01", "2025-01-01"]),
        ("year", ["2023-01-01", "2025-01-01"]),
    ],
)
def test_the_period_in_which_the_data_begin_is_partial(
    daily: Builder, grain: str, periods: list[str]
) -> None:
    assert partial(daily, "sales", grain) == periods
    assert partial(daily, "margin", grain) == periods


def test_growth_over_a_period_that_the_data_do_not_cover_is_partial(daily: Builder) -> None:
    assert partial(daily, "sales_growth", "year") == ["2024-01-01", "2025-01-01"]
    assert partial(daily, "sales_growth", "month") == ["2024-11-01", "2025-03-01"]


def test_a_figure_to_date_is_partial_until_its_year_is_covered(daily: Builder) -> None:
    assert partial(daily, "sales_to_date", "month") == ["2023-11-01", "2023-12-01", "2025-03-01"]


def test_a_window_is_partial_until_the_data_fill_it(daily: Builder) -> None:
    daily.con.execute("DELETE FROM marts.orders WHERE order_date < DATE '2023-12-10'")
    daily()
    assert partial(daily, "recent_sales", "month") == ["2023-12-01", "2025-03-01"]
    assert partial(daily, "recent_sales", "quarter") == ["2023-10-01", "2025-01-01"]


def test_the_snapshot_at_the_end_of_a_period_is_whole(daily: Builder) -> None:
    assert partial(daily, "stock", "month") == []
    assert partial(daily, "stock", "year") == ["2025-01-01"]


def test_data_from_the_first_day_of_a_period_make_it_whole(daily: Builder) -> None:
    daily.con.execute("DELETE FROM marts.orders WHERE order_date < DATE '2023-12-01'")
    daily()
    assert partial(daily, "sales", "month") == ["2025-03-01"]
    assert partial(daily, "sales", "quarter") == ["2023-10-01", "2025-01-01"]


def test_days_on_which_nothing_happens_now_and_then_are_covered(daily: Builder) -> None:
    daily.con.execute("""
        DELETE FROM marts.orders WHERE order_date < DATE '2024-01-04'
            OR day(order_date) BETWEEN 2 AND 4 AND order_date > DATE '2024-01-31'""")
    daily()
    assert partial(daily, "sales", "month") == ["2025-03-01"]
    daily.con.execute("DELETE FROM marts.orders WHERE order_date < DATE '2024-01-05'")
    daily()
    assert partial(daily, "sales", "month") == ["2024-01-01", "2025-03-01"]


def test_one_long_silence_of_many_days_covers_nothing(daily: Builder) -> None:
    daily.con.execute(
        "DELETE FROM marts.orders WHERE order_date BETWEEN DATE '2024-05-01' AND DATE '2024-07-31'"
    )
    daily()
    assert partial(daily, "sales", "month") == ["2023-11-01", "2025-03-01"]


def test_a_wide_table_tells_partial_periods_from_partial_figures(daily: Builder) -> None:
    rows = daily.rows("""
        SELECT month, is_partial, partial_metrics FROM candidates.sales_by_category_monthly
        WHERE is_partial OR partial_metrics IS NOT NULL ORDER BY 1""")
    assert rows == [
        (date(2023, 11, 1), True, "sales, margin"),
        (date(2024, 11, 1), False, "sales_growth"),
        (date(2025, 3, 1), True, "sales, margin, sales_growth"),
    ]


def test_coverage_is_a_table_of_first_and_last_days(daily: Builder) -> None:
    found: list[tuple[Any, ...]] = daily.rows("SELECT * FROM candidates.coverage")
    assert found == [
        ("orders", "order_date", date(2023, 11, 22), date(2025, 3, 10), 0, date(2023, 11, 22)),
        ("stock", "stock_date", date(2023, 11, 30), date(2025, 2, 28), 30, date(2023, 10, 31)),
    ]


def test_the_data_of_a_metric_begin_with_the_last_of_what_it_needs(daily: Builder) -> None:
    definitions, coverage = load(daily.home.semantic_manifest), read_coverage(daily.con, "candidates")
    assert data_from(definitions, coverage, "margin") == date(2023, 11, 22)
    assert data_from(definitions, coverage, "stock") is None


def test_rows_after_the_as_of_date_and_without_end_cover_nothing(daily: Builder) -> None:
    daily.con.execute("INSERT INTO marts.orders VALUES (9999, DATE '-infinity', 1, 1, 1, 1, 1)")
    daily(as_of=date(2024, 6, 30))
    assert daily.rows("SELECT first_date, last_date FROM candidates.coverage WHERE mart = 'orders'") == [
        (date(2023, 11, 22), date(2024, 6, 30))
    ]


def test_without_rows_nothing_is_covered(daily: Builder) -> None:
    daily.con.execute("DELETE FROM marts.stock")
    daily()
    assert daily.rows("SELECT count(*) FROM candidates.coverage WHERE mart = 'stock'") == [(0,)]
