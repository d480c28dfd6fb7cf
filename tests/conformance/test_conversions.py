"""Conversions: which share of events is followed by another of the same entity in time."""

from tests.conformance.conftest import Company

MONTH = "metric_time__month"


def test_a_second_order_counts_for_the_month_of_the_first(company: Company) -> None:
    company.insert(
        "orders",
        "order_id order_date customer_id customer_order_number is_first_order territory_id",
        (1, "2024-01-01", 1, 1, True, 1),
        (2, "2024-03-30", 1, 2, False, 2),
        (3, "2024-03-31", 1, 3, False, 2),
        (4, "2024-01-02", 2, 1, True, None),
        (5, "2024-04-01", 2, 2, False, 1),
        (6, "2024-02-01", 3, 1, True, 1),
        (7, "2024-02-01", 3, 2, False, 1),
        (8, "2024-02-05", None, None, False, 1),
    )
    company.insert("territories", "territory_id name", (1, "North"), (2, "South"))
    # 89 days after the first order is within 90 days that begin with it; 90 days after is not.
    assert company.query("second_order_rate_90_days", MONTH) == [("2024-01-01", 0.5), ("2024-02-01", 1.0)]
    assert company.query("second_order_rate_90_days", "territory__name") == [("North", 1.0), (None, 0.0)]


def test_a_lead_becomes_an_opportunity_once(company: Company) -> None:
    company.insert(
        "leads",
        "lead_id channel created_date",
        (1, "web", "2024-01-10"),
        (2, "web", "2024-01-11"),
        (3, "fair", "2024-01-12"),
        (4, "fair", "2024-02-01"),
    )
    company.insert(
        "opportunities",
        "opportunity_id lead_id created_date",
        (1, 1, "2024-01-15"),
        (2, 1, "2024-01-20"),
        (3, 2, "2024-02-10"),
        (4, 3, "2024-01-01"),
        (5, None, "2024-01-01"),
    )
    assert company.query("lead_to_opportunity_rate_30_days", MONTH) == [
        ("2024-01-01", 0.333333333),
        ("2024-02-01", 0.0),
    ]
    assert company.query("lead_to_opportunity_rate_30_days", "lead__channel") == [("fair", 0.0), ("web", 0.5)]
