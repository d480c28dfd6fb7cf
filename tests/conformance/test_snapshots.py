"""Semi-additive metrics: the last snapshot of a period, never the sum over time."""

import pytest

from tests.conformance.conftest import Company

MONTH = "metric_time__month"


@pytest.fixture
def stock(company: Company) -> Company:
    company.insert("products", "product_id category", (1, "Bikes"))
    company.insert("locations", "location_id name", (1, "Front"), (2, "Back"))
    columns = "inventory_id snapshot_date product_id location_id quantity inventory_value"
    company.insert(
        "inventory_daily",
        f"{columns} is_stock_out is_below_safety",
        ("a", "2024-01-15", 1, 1, 100, 1000, 0, 0),
        ("b", "2024-01-31", 1, 1, 4, 40, 0, 1),
        ("c", "2024-01-31", 1, 2, 0, 0, 1, 1),
        ("d", "2024-01-31", 9, 2, 6, 60, 0, 0),
        ("e", "2024-03-05", 1, 1, 7, 70, 0, 0),
    )
    return company


def test_stock_is_that_of_the_last_day_of_the_month_with_a_snapshot(stock: Company) -> None:
    assert stock.query("inventory_units inventory_value", MONTH) == [
        ("2024-01-01", 10.0, 100.0),
        ("2024-03-01", 7.0, 70.0),
    ]
    assert stock.query("inventory_units", "metric_time__quarter") == [("2024-01-01", 7.0)]
    assert stock.query("inventory_units") == [(7.0,)]


def test_stock_adds_up_over_places_and_products(stock: Company) -> None:
    assert stock.query("inventory_units", f"{MONTH} location__name")[:2] == [
        ("2024-01-01", "Back", 6.0),
        ("2024-01-01", "Front", 4.0),
    ]
    rows = stock.query("inventory_units", f"{MONTH} product__category")
    assert rows == [("2024-01-01", "Bikes", 4.0), ("2024-01-01", None, 6.0), ("2024-03-01", "Bikes", 7.0)]


def test_stock_outs_are_positions_of_the_last_snapshot(stock: Company) -> None:
    rows = stock.query("stock_outs stock_out_rate positions_below_safety_stock", MONTH)
    assert rows == [("2024-01-01", 1.0, 0.333333333, 2.0), ("2024-03-01", 0.0, 0.0, 0.0)]


def test_an_employee_of_two_departments_counts_once_in_the_company(company: Company) -> None:
    company.insert("departments", "department_id name", (1, "Sales"), (2, "Finance"))
    company.insert(
        "headcount_snapshots",
        "headcount_snapshot_id snapshot_date employee_id department_id",
        ("a", "2024-01-31", 1, 1),
        ("b", "2024-01-31", 1, 2),
        ("c", "2024-01-31", 2, 1),
        ("d", "2024-02-15", 2, 1),
        ("e", "2024-02-15", 3, None),
    )
    assert company.query("headcount", MONTH) == [("2024-01-01", 2.0), ("2024-02-01", 2.0)]
    assert company.query("headcount", f"{MONTH} department__name") == [
        ("2024-01-01", "Finance", 1.0),
        ("2024-01-01", "Sales", 2.0),
        ("2024-02-01", "Sales", 1.0),
        ("2024-02-01", None, 1.0),
    ]
    assert company.query("headcount") == [(2.0,)]
