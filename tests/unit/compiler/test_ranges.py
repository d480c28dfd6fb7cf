"""A range is exactly its days; running totals are read at its end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.compiler import compile
from plumbline.errors import DefinitionError
from tests.unit.compiler.conftest import ROWS, Shop
from tests.unit.definitions import shop

MONTH = "metric_time__month"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop, with a running total of all time and a snapshot whose items are counted once."""
    content = shop.manifest()
    to_date = {"measure": "amount", "cumulative_type_params": shop.cumulative()}
    counted = shop.measure("stock_products", "count_distinct", "product_id", non_additive_dimension=shop.LAST)
    content["semantic_models"][2]["measures"].append(counted)
    earlier = shop.offset("sales_to_date", "a_year_ago", 1, "year")
    content["metrics"] += [
        shop.metric("sales_so_far", "cumulative", **to_date),
        shop.metric("products_in_stock", measure="stock_products"),
        shop.metric(
            "to_date_growth",
            "derived",
            expr="sales_to_date - a_year_ago",
            metrics=[{"name": "sales_to_date"}, earlier],
        ),
    ]
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS warehouse; USE warehouse;" + shop.MARTS + ROWS)
    yield Shop(shop.write(tmp_path_factory.mktemp("ranges") / "semantic_manifest.json", content), con)
    con.close()


def test_a_range_is_not_widened_to_whole_periods(company: Shop) -> None:
    assert company.query("sales", MONTH, range=["2024-01-31", "2024-02-08"]) == company.sql("""
        SELECT date_trunc('month', order_date), sum(amount) FROM marts.orders
        WHERE order_date BETWEEN '2024-01-31' AND '2024-02-08' GROUP BY 1""")


@pytest.mark.parametrize(
    ("span", "condition"),
    [
        (["2024-02-29", None], "order_date >= '2024-02-29'"),
        ([None, "2024-02-29"], "order_date <= '2024-02-29'"),
        ([None, None], "true"),
    ],
)
def test_an_open_end_is_no_bound(company: Shop, span: list[str | None], condition: str) -> None:
    assert company.query("sales", range=span) == company.sql(
        f"SELECT sum(amount) FROM marts.orders WHERE {condition}"
    )


def test_a_total_of_all_time_is_limited_by_the_end_of_the_range_alone(company: Shop) -> None:
    assert company.query("sales_so_far", range=["2024-03-01", "2024-04-15"]) == company.sql(
        "SELECT sum(amount) FROM marts.orders WHERE order_date <= '2024-04-15'"
    )


def test_a_total_of_all_time_splits_by_members_that_sold_before_the_range(company: Shop) -> None:
    found = company.query("sales_so_far", "product__category", range=["2024-04-01", "2024-04-15"])
    assert found == company.sql("""
        SELECT category, sum(amount) FROM marts.orders LEFT JOIN marts.products USING (product_id)
        WHERE order_date <= '2024-04-15' GROUP BY 1""")


def test_a_window_ends_with_the_range(company: Shop) -> None:
    found = company.query("recent_sales recent_customers", range=["2024-03-01", "2024-03-10"])
    assert found == company.sql("""
        SELECT sum(amount), count(DISTINCT customer_id) FROM marts.orders
        WHERE order_date <= '2024-03-10' AND order_date > DATE '2024-03-10' - 28""")


def test_to_date_begins_with_the_period_in_which_the_range_ends(company: Shop) -> None:
    assert company.query("sales_to_date", range=["2024-06-01", "2025-02-28"]) == company.sql(
        "SELECT sum(amount) FROM marts.orders WHERE order_date BETWEEN '2025-01-01' AND '2025-02-28'"
    )


def test_without_a_bound_running_totals_are_those_of_the_last_day(company: Shop) -> None:
    assert company.query("sales_to_date sales_so_far", range=[None, None]) == company.sql("""
        SELECT sum(amount) FILTER (order_date >= '2025-01-01'), sum(amount) FROM marts.orders
        WHERE order_date <= '2025-03-15'""")


def test_running_totals_of_a_cut_period_are_those_at_the_end_of_the_range(company: Shop) -> None:
    found = company.query("sales_to_date", MONTH, range=["2024-01-20", "2024-02-10"])
    assert found == [("2024-01-01", 110.0), ("2024-02-01", 160.0)]


def test_a_running_total_is_compared_with_the_same_day_a_year_earlier(company: Shop) -> None:
    assert company.query("to_date_growth", range=["2025-02-10", "2025-02-28"]) == company.sql("""
        SELECT sum(amount) FILTER (order_date BETWEEN '2025-01-01' AND '2025-02-28')
             - sum(amount) FILTER (order_date BETWEEN '2024-01-01' AND '2024-02-28')
        FROM marts.orders""")


def test_a_conversion_counts_what_follows_also_after_the_range(company: Shop) -> None:
    assert company.query("came_back", range=["2024-01-10", "2024-01-31"]) == [(0.5,)]


def test_stock_is_that_of_the_last_snapshot_in_the_range(company: Shop) -> None:
    assert company.query("stock", range=["2024-01-01", "2024-01-30"]) == [(14.0,)]
    assert company.query("stock", MONTH, range=["2024-01-01", "2024-01-30"]) == [("2024-01-01", 14.0)]


def test_without_a_snapshot_there_is_no_value(company: Shop) -> None:
    assert company.query("stock products_in_stock", range=["2024-01-02", "2024-01-14"]) == [(None, None)]
    assert company.query("products_in_stock", range=["2024-01-02", "2024-01-15"]) == [(2.0,)]


def test_whole_periods_are_compared_and_cut_ones_refused(company: Shop) -> None:
    whole = company.query("sales_growth", MONTH, range=["2025-01-01", "2025-02-28"])
    assert [(month, round(rate, 3)) for month, rate in whole] == [
        ("2025-01-01", 0.364),
        ("2025-02-01", 0.167),
    ]
    with pytest.raises(DefinitionError, match="cuts a month") as caught:
        company.query("sales_growth", MONTH, range=["2025-01-01", "2025-02-10"])
    assert caught.value.code == "partial-period"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"range": ["2025-02-10", "2025-02-01"]}, "bad-range"),
        ({"range": ["yesterday", None]}, "bad-range"),
        ({"range": ["2025-01-01", None], "time_constraint": ["2025-01-01", "2025-01-02"]}, "bad-query"),
    ],
)
def test_an_impossible_range_is_refused(company: Shop, more: dict[str, Any], code: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile(Path(company.manifest), {"metrics": ["sales"], **more})
    assert caught.value.code == code


FOR_EVER = "{{ TimeDimension('metric_time', 'day') }} <= '9999-12-31'"
ALWAYS = "{{ TimeDimension('metric_time', 'month') }} >= '0001-01-01'"


@pytest.mark.parametrize("metric", ["sales", "sales_growth", "sales_to_date", "recent_sales", "sales_so_far"])
@pytest.mark.parametrize("asked", [{"where": [FOR_EVER]}, {"where": [ALWAYS]}, {"where": [FOR_EVER, ALWAYS]}])
def test_a_condition_without_end_limits_nothing(company: Shop, metric: str, asked: dict[str, Any]) -> None:
    assert company.query(metric, MONTH, **asked) == company.query(metric, MONTH)


@pytest.mark.parametrize("metric", ["sales", "sales_growth", "sales_to_date", "recent_sales", "sales_so_far"])
@pytest.mark.parametrize("span", [["0001-01-01", "9999-12-31"], [None, "9999-12-31"]])
def test_a_range_without_end_limits_nothing(company: Shop, metric: str, span: list[str | None]) -> None:
    assert company.query(metric, MONTH, range=span) == company.query(metric, MONTH)
    if span[0]:
        assert company.query(metric, MONTH, time_constraint=span) == company.query(metric, MONTH)
