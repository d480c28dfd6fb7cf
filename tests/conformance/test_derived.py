"""Derived metrics: differences, growth over earlier periods, and several marts in one formula."""

import pytest

from tests.conformance.conftest import Company

MONTH = "metric_time__month"


@pytest.fixture
def years(company: Company) -> Company:
    """Two years with a hole in February 2023 and a leap day in 2024."""
    company.days("2023-01-01", "2024-03-15")
    company.insert("products", "product_id category", (1, "Bikes"))
    rows = [
        ("2023-01-10", 1, 100),
        ("2023-03-10", 1, 50),
        ("2023-03-25", None, 500),
        ("2024-01-31", 1, 150),
        ("2024-02-29", 1, 60),
        ("2024-03-01", 1, 75),
        ("2024-03-02", None, 100),
    ]
    company.insert(
        "order_lines",
        "order_line_id order_date product_id net_amount gross_profit",
        *[(number, day, product, amount, amount / 5) for number, (day, product, amount) in enumerate(rows)],
    )
    return company


def test_growth_needs_the_same_month_a_year_earlier(years: Company) -> None:
    rows = dict(years.query("net_sales_yoy", MONTH))
    assert rows["2024-01-01"] == 0.5
    assert rows["2024-02-01"] is None
    assert rows["2024-03-01"] == round(175 / 550 - 1, 9)
    assert rows["2023-01-01"] is None


def test_growth_over_the_month_before_does_not_jump_a_hole(years: Company) -> None:
    rows = dict(years.query("net_sales_mom", MONTH))
    assert rows["2023-03-01"] is None
    assert rows["2024-02-01"] == -0.6


def test_growth_by_category_keeps_lines_without_one_together(years: Company) -> None:
    rows = years.query("net_sales_yoy", "metric_time__year product__category")
    assert rows == [
        ("2023-01-01", "Bikes", None),
        ("2023-01-01", None, None),
        ("2024-01-01", "Bikes", round(285 / 150 - 1, 9)),
        ("2024-01-01", None, -0.8),
    ]


def test_to_date_growth_compares_the_same_days(years: Company) -> None:
    rows = dict(years.query("net_sales_ytd_yoy", MONTH))
    assert rows["2024-03-01"] == round(385 / 150 - 1, 9)


def test_a_difference_of_rates_is_in_points(years: Company) -> None:
    rows = dict(years.query("gross_margin_rate_change_yoy", MONTH))
    assert rows["2024-01-01"] == 0.0
    assert rows["2024-02-01"] is None


def test_profit_is_revenue_less_expenditure(company: Company) -> None:
    company.days("2024-01-01", "2024-02-29")
    company.insert(
        "budgets",
        "budget_id finance_date account_type department_group actual_amount budget_amount",
        ("a", "2024-01-31", "Revenue", "Corporate", 100, 0),
        ("b", "2024-01-31", "Revenue", "Corporate", 0, 80),
        ("c", "2024-01-31", "Expenditures", "Sales", 60, 0),
        ("d", "2024-01-31", "Assets", "Sales", 999, 999),
        ("e", "2024-02-29", "Revenue", "Sales", 10, 0),
    )
    assert company.query("net_profit profit_margin budget_attainment return_on_investment", MONTH) == [
        ("2024-01-01", 40.0, 0.4, 1.25, round(40 / 60, 9)),
        ("2024-02-01", None, None, None, None),
    ]


def test_a_campaign_without_wins_lost_its_cost(company: Company) -> None:
    company.insert(
        "campaigns",
        "campaign_id name start_date cost_amount budget_amount",
        (1, "Spring", "2024-03-01", 100, 120),
        (2, "Dud", "2024-03-01", 50, 50),
        (3, "Free", "2024-03-01", 0, 0),
    )
    company.insert(
        "opportunities",
        "opportunity_id campaign_id created_date closed_date is_closed is_won won_amount",
        (1, 1, "2024-03-05", "2024-04-01", 1, 1, 300),
        (2, 1, "2024-03-05", None, 0, 0, 0),
        (3, None, "2024-03-05", "2024-04-01", 1, 1, 999),
    )
    assert company.query("campaign_roi", "campaign__name") == [
        ("Dud", -1.0),
        ("Free", None),
        ("Spring", 2.0),
        (None, None),
    ]


def test_hours_come_from_minutes_of_what_is_completed(company: Company) -> None:
    company.insert(
        "approvals",
        "request_id submitted_date approval_minutes is_completed is_within_sla has_rework",
        (1, "2024-01-01", 90, 1, 1, 0),
        (2, "2024-01-01", 30, 1, 1, 1),
        (3, "2024-01-01", None, 0, 0, 0),
    )
    assert company.query("approval_hours approval_sla_rate approval_rework_rate") == [(1.0, 1.0, 0.333333333)]


def test_variance_is_cost_beyond_plan(company: Company) -> None:
    company.insert(
        "work_order_steps",
        "work_order_step_id actual_start_date planned_cost actual_cost",
        ("a", "2024-01-01", 100, 90),
        ("b", "2024-01-01", 0, 25),
    )
    assert company.query("routing_cost_variance routing_cost_variance_rate") == [(15.0, 0.15)]


def test_effectiveness_multiplies_two_rates(company: Company) -> None:
    company.insert(
        "machine_days",
        "machine_day_id run_date planned_minutes run_minutes good_units total_units",
        ("a", "2024-01-01", 100, 80, 9, 10),
        ("b", "2024-01-02", 100, 100, 9, 10),
    )
    assert company.query("equipment_utilisation equipment_effectiveness") == [(0.9, 0.81)]


def test_sell_through_takes_stock_at_the_end_of_the_period(company: Company) -> None:
    company.days("2024-01-01", "2024-01-31")
    company.insert("order_lines", "order_line_id order_date quantity", (1, "2024-01-05", 30))
    company.insert(
        "inventory_daily",
        "inventory_id snapshot_date quantity",
        ("a", "2024-01-01", 500),
        ("b", "2024-01-31", 70),
    )
    assert company.query("sell_through_rate", MONTH) == [("2024-01-01", 0.3)]
