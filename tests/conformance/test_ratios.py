"""Ratios: sums divided by sums; what is left out of the denominator; an empty one gives no value."""

import pytest

from tests.conformance.conftest import Company


def test_an_average_weighs_by_orders(company: Company) -> None:
    company.insert(
        "orders",
        "order_id order_date territory_id subtotal",
        (1, "2024-01-05", 1, 10),
        (2, "2024-01-06", 1, 20),
        (3, "2024-02-06", 7, 90),
    )
    company.insert("territories", "territory_id name", (1, "North"))
    assert company.query("average_order_value") == [(40.0,)]
    assert company.query("average_order_value", "territory__name") == [("North", 15.0), (None, 90.0)]


@pytest.mark.parametrize(
    "metric", ["discount_rate", "gross_margin_rate", "refund_rate", "promotion_sales_share"]
)
def test_an_empty_denominator_gives_no_value(company: Company, metric: str) -> None:
    company.insert(
        "order_lines",
        "order_line_id order_date gross_amount discount_amount net_amount gross_profit refund_amount",
        (1, "2024-01-05", 0, 0, 0, 0, 0),
    )
    assert company.query(metric) == [(None,)]
    assert company.query(metric, "metric_time__month") == [("2024-01-01", None)]


def test_an_order_that_has_not_left_is_not_on_time_and_has_no_days(company: Company) -> None:
    company.insert(
        "orders",
        "order_id order_date ship_date days_to_ship is_on_time",
        (1, "2024-01-05", "2024-01-08", 3, True),
        (2, "2024-01-06", "2024-01-13", 7, False),
        (3, "2024-01-07", None, None, False),
    )
    assert company.query("order_to_ship_days order_on_time_rate shipped_orders") == [(5.0, 0.333333333, 2.0)]


def test_repeat_purchase_rate_leaves_out_who_never_ordered(company: Company) -> None:
    company.insert(
        "customers",
        "customer_id has_ordered is_repeat lifetime_sales as_of_date",
        (1, 1, 1, 100, "2024-03-31"),
        (2, 1, 0, 20, "2024-03-31"),
        (3, 0, 0, 0, "2024-03-31"),
    )
    assert company.query("repeat_purchase_rate customer_lifetime_value") == [(0.5, 60.0)]


def test_quota_attainment_is_by_quota_date_and_person(company: Company) -> None:
    company.insert("sales_people", "sales_person_id name", (1, "Ann"), (2, "Bo"))
    company.insert(
        "sales_quotas",
        "sales_quota_id sales_person_id quota_date quota_amount attained_amount",
        ("a", 1, "2024-01-01", 100, 80),
        ("b", 1, "2024-04-01", 100, 150),
        ("c", 2, "2024-01-01", 0, 10),
    )
    assert company.query("quota quota_attainment", "sales_person__name") == [
        ("Ann", 200.0, 1.15),
        ("Bo", 0.0, None),
    ]
    assert company.query("quota_attainment", "metric_time__quarter") == [
        ("2024-01-01", 0.9),
        ("2024-04-01", 1.5),
    ]


def test_abandoned_calls_weigh_by_calls(company: Company) -> None:
    company.insert(
        "calls",
        "call_id call_date calls issues_raised abandoned_calls",
        (1, "2024-01-01", 100, 5, "10"),
        (2, "2024-01-02", 300, 3, "9"),
    )
    assert company.query("call_abandon_rate call_issues_rate") == [(19 / 400, 8 / 400)]


def test_only_decided_purchase_orders_are_judged(company: Company) -> None:
    rows = [
        (n, "2024-01-01", status, int(status > 1), int(status in (2, 4)))
        for n, status in enumerate([1, 2, 3, 4])
    ]
    company.insert("purchase_orders", "purchase_order_id order_date status is_decided is_approved", *rows)
    assert company.query("purchase_approval_rate") == [(0.666666667,)]


def test_satisfaction_leaves_out_tickets_without_a_mark(company: Company) -> None:
    company.insert(
        "tickets",
        "ticket_id opened_date satisfaction is_satisfied is_resolved is_first_contact_resolved is_complaint",
        (1, "2024-01-01", 5, 1, 1, 1, 0),
        (2, "2024-01-01", 2, 0, 1, 0, 1),
        (3, "2024-01-01", None, None, 0, 0, 0),
    )
    assert company.query("satisfaction_score satisfaction_rate") == [(3.5, 0.5)]
    assert company.query("first_contact_resolution_rate ticket_resolution_rate") == [(0.5, 0.666666667)]
    assert company.query("complaint_share") == [(0.333333333,)]


def test_two_marts_divide_within_the_same_month(company: Company) -> None:
    company.days("2024-01-01", "2024-02-29")
    company.insert(
        "work_order_steps",
        "work_order_step_id actual_start_date actual_cost",
        ("a", "2024-01-09", 90),
        ("b", "2024-02-09", 10),
    )
    company.insert(
        "work_orders",
        "work_order_id start_date stocked_quantity",
        (1, "2024-01-01", 30),
        (2, "2024-01-02", 0),
    )
    assert company.query("cost_per_unit_produced", "metric_time__month") == [
        ("2024-01-01", 3.0),
        ("2024-02-01", None),
    ]


def test_a_late_supplier_counts_only_where_dates_are_known(company: Company) -> None:
    company.insert(
        "purchase_order_lines",
        "purchase_order_line_id order_date is_on_time received_quantity rejected_quantity",
        (1, "2024-01-01", 1, 10, 1),
        (2, "2024-01-01", 0, 0, 0),
        (3, "2024-01-01", None, 10, 0),
    )
    assert company.query("supplier_on_time_rate supplier_reject_rate") == [(0.5, 0.05)]
