"""Running totals: to date, windows, and since the beginning."""

import pytest

from tests.conformance.conftest import Company

MONTH = "metric_time__month"
MONTHS = """(SELECT date_trunc('month', date_day) AS month, max(date_day) AS last_day
  FROM marts.time_spine_daily GROUP BY 1)"""


@pytest.fixture
def sales(company: Company) -> Company:
    company.days("2023-11-01", "2024-06-10")
    days = ["2023-11-20", "2023-12-31", "2024-01-01", "2024-02-02", "2024-02-29", "2024-05-31", "2024-06-09"]
    lines = [(number, day, number % 2 or None, 10**number) for number, day in enumerate(days)]
    company.insert("order_lines", "order_line_id order_date product_id net_amount", *lines)
    company.insert("products", "product_id category", (1, "Bikes"))
    orders = [
        (number, day, customer)
        for number, (day, customer) in enumerate(zip(days, [1, 2, 1, None, 3, 1, 4], strict=True))
    ]
    company.insert("orders", "order_id order_date customer_id", *orders)
    return company


@pytest.mark.parametrize(
    ("metric", "grain"), [("net_sales_mtd", "month"), ("net_sales_qtd", "quarter"), ("net_sales_ytd", "year")]
)
def test_to_date_adds_up_from_the_first_day(sales: Company, metric: str, grain: str) -> None:
    assert sales.query(metric, MONTH) == sales.sql(f"""
        SELECT month, sum(net_amount) FROM marts.order_lines, {MONTHS}
        WHERE order_date <= last_day AND order_date >= date_trunc('{grain}', last_day) GROUP BY 1""")


def test_to_date_by_day_has_a_value_on_every_day(sales: Company) -> None:
    assert sales.query("net_sales_ytd", "metric_time__day") == sales.sql("""
        SELECT date_day, sum(net_amount) FROM marts.order_lines, marts.time_spine_daily
        WHERE order_date <= date_day AND year(order_date) = year(date_day) GROUP BY 1""")


def test_a_window_looks_back_over_the_turn_of_the_year(sales: Company) -> None:
    assert sales.query("net_sales_trailing_28_days", f"{MONTH} product__category") == sales.sql(f"""
        SELECT month, category, sum(net_amount)
        FROM {MONTHS}, marts.order_lines LEFT JOIN marts.products USING (product_id)
        WHERE order_date <= last_day AND order_date > last_day - INTERVAL 28 DAY GROUP BY 1, 2""")


def test_active_customers_count_once_in_ninety_days(sales: Company) -> None:
    assert sales.query("active_customers_90_days", MONTH) == sales.sql(f"""
        SELECT month, count(DISTINCT customer_id) FROM marts.orders, {MONTHS}
        WHERE order_date <= last_day AND order_date > last_day - INTERVAL 90 DAY GROUP BY 1""")


def test_the_customer_base_only_grows(company: Company) -> None:
    company.days("2023-12-01", "2024-03-31")
    company.insert(
        "customers",
        "customer_id first_order_date has_ordered",
        (1, "2023-12-31", 1),
        (2, "2024-01-01", 1),
        (3, "2024-03-05", 1),
        (4, None, 0),
    )
    assert company.query("customer_base", MONTH) == [
        ("2023-12-01", 1.0),
        ("2024-01-01", 2.0),
        ("2024-02-01", 2.0),
        ("2024-03-01", 3.0),
    ]
    growth = dict(company.query("customer_base_growth_this_year", MONTH))
    assert growth == {"2023-12-01": None, "2024-01-01": 0.0, "2024-02-01": 0.0, "2024-03-01": 0.5}


def test_the_pipeline_is_what_is_open_at_the_end_of_the_month(company: Company) -> None:
    company.days("2024-01-01", "2024-04-30")
    company.insert(
        "opportunities",
        "opportunity_id created_date closed_date is_closed amount sales_person_id",
        (1, "2024-01-05", "2024-01-20", 1, 100, 1),
        (2, "2024-01-10", "2024-03-31", 1, 70, 1),
        (3, "2024-02-01", None, 0, 20, 2),
        (4, "2024-02-10", "2024-03-01", 1, 5, 2),
    )
    company.insert("sales_people", "sales_person_id name", (1, "Ann"), (2, "Bo"))
    at_the_end = "created_date <= last_day AND (closed_date > last_day OR closed_date IS NULL)"
    assert company.query("open_pipeline_amount", MONTH) == company.sql(f"""
        SELECT month, sum(CASE WHEN {at_the_end} THEN amount ELSE 0 END)
        FROM marts.opportunities, {MONTHS} GROUP BY 1""")
    assert company.query("open_pipeline_amount", "sales_person__name") == [("Ann", 0.0), ("Bo", 20.0)]


def test_revenue_to_date_leaves_out_other_accounts(company: Company) -> None:
    company.days("2024-01-01", "2024-02-29")
    company.insert(
        "budgets",
        "budget_id finance_date account_type actual_amount",
        ("a", "2024-01-31", "Revenue", 100),
        ("b", "2024-01-31", "Assets", 900),
        ("c", "2024-02-29", "Revenue", 10),
    )
    assert company.query("revenue_actual_ytd", MONTH) == [("2024-01-01", 100.0), ("2024-02-01", 110.0)]


def test_turnover_divides_a_year_of_cost_by_the_last_stock(company: Company) -> None:
    company.days("2023-01-01", "2024-02-29")
    company.insert(
        "order_lines",
        "order_line_id order_date cost_amount",
        (1, "2023-01-15", 900),
        (2, "2023-06-01", 100),
        (3, "2024-02-01", 50),
    )
    company.insert(
        "inventory_daily",
        "inventory_id snapshot_date inventory_value",
        ("a", "2024-02-10", 999),
        ("b", "2024-02-20", 20),
        ("c", "2024-02-20", 30),
    )
    assert company.query("inventory_turnover inventory_days", MONTH)[-1] == (
        "2024-02-01",
        3.0,
        round(50 * 365 / 150, 9),
    )
