"""Simple metrics: sums, counts and distinct counts, with keys that lead nowhere."""

import pytest

from tests.conformance.conftest import Company

LINES = """order_line_id order_id order_date product_id special_offer_id quantity gross_amount discount_amount
net_amount cost_amount gross_profit is_refund refund_amount"""


@pytest.fixture
def lines(company: Company) -> Company:
    """Order lines: of a known product, of none, of one that does not exist, and a refund."""
    company.days("2024-01-01", "2024-03-31")
    company.insert("products", "product_id name category", (1, "Road", "Bikes"), (2, "Bell", "Bells"))
    company.insert(
        "orders",
        "order_id order_date channel",
        (1, "2024-01-05", "online"),
        (2, "2024-03-01", "sales_person"),
    )
    company.insert(
        "order_lines",
        LINES,
        (1, 1, "2024-01-05", 1, 1, 2, "200.0000", "20.00000000", "180.123456", "120", "60.123456", False, 0),
        (2, 1, "2024-01-05", 2, 2, 1, "10", "0", "10", "4", "6", False, 0),
        (3, 2, "2024-03-01", None, None, 5, "50", "5", "45", "20", "25", False, 0),
        (4, 2, "2024-03-01", 99, None, 1, "7", "0", "7", "3", "4", False, 0),
        (5, 2, "2024-03-01", 1, 2, -1, "-100", "0", "-100", "-60", "-40", True, "100"),
    )
    return company


def test_sums_follow_the_joined_dimension(lines: Company) -> None:
    assert lines.query("net_sales units_sold order_lines", "product__category") == lines.sql("""
        SELECT p.category, sum(l.net_amount), sum(l.quantity), count(*)
        FROM marts.order_lines l LEFT JOIN marts.products p USING (product_id) GROUP BY 1""")


def test_lines_without_a_known_product_are_one_group(lines: Company) -> None:
    rows = lines.query("net_sales", "product__category")
    assert rows == [("Bells", 10.0), ("Bikes", 80.123456), (None, 52.0)]


def test_joining_orders_to_their_lines_does_not_multiply(lines: Company) -> None:
    assert lines.query("net_sales", "order__channel") == [("online", 190.123456), ("sales_person", -48.0)]


def test_money_is_exact_to_the_last_digit(lines: Company) -> None:
    (value,) = lines.con.execute(lines.compiled("net_sales")).fetchone() or (None,)
    assert str(value) == "142.123456"


def test_refunds_count_against_sales_and_stand_for_themselves(lines: Company) -> None:
    assert lines.query("net_sales refund_amount sales_before_refunds") == lines.sql("""
        SELECT sum(net_amount), -sum(net_amount) FILTER (quantity < 0), sum(net_amount) FILTER (quantity >= 0)
        FROM marts.order_lines""")


def test_distinct_products_count_once_per_period(lines: Company) -> None:
    assert lines.query("skus_sold", "metric_time__month") == [("2024-01-01", 2.0), ("2024-03-01", 2.0)]
    assert lines.query("skus_sold", "metric_time__year") == [("2024-01-01", 3.0)]


def test_promotion_sales_leave_out_the_offer_that_is_none(lines: Company) -> None:
    assert lines.query("promotion_sales") == [(-90.0,)]


def test_a_month_without_lines_stays_a_hole(lines: Company) -> None:
    assert [row[0] for row in lines.query("net_sales", "metric_time__month")] == ["2024-01-01", "2024-03-01"]


def test_nothing_gives_no_value(company: Company) -> None:
    assert company.query("net_sales") == [(None,)]
    assert company.query("net_sales", "metric_time__month") == []


def test_online_revenue_leaves_out_sales_people(company: Company) -> None:
    company.insert(
        "orders",
        "order_id order_date channel subtotal",
        (1, "2024-01-05", "online", 10),
        (2, "2024-01-06", "sales_person", 30),
        (3, "2024-02-06", None, 5),
    )
    assert company.query("online_order_revenue online_revenue_share") == [(10.0, 0.222222222)]
    assert company.query("order_revenue online_order_revenue", "metric_time__month") == [
        ("2024-01-01", 40.0, 10.0),
        ("2024-02-01", 5.0, None),
    ]


def test_new_customers_leave_out_those_that_never_ordered(company: Company) -> None:
    company.insert(
        "customers",
        "customer_id first_order_date has_ordered is_repeat as_of_date",
        (1, "2024-01-05", 1, 1, "2024-03-31"),
        (2, "2024-01-09", 1, 0, "2024-03-31"),
        (3, None, 0, 0, "2024-03-31"),
    )
    assert company.query("new_customers", "metric_time__month") == [("2024-01-01", 2.0)]


def test_orders_without_a_customer_are_no_ordering_customer(company: Company) -> None:
    company.insert(
        "orders",
        "order_id order_date customer_id",
        (1, "2024-01-05", 1),
        (2, "2024-01-06", 1),
        (3, "2024-01-07", None),
    )
    assert company.query("orders ordering_customers") == [(3.0, 1.0)]


def test_purchase_status_and_its_lines_meet(company: Company) -> None:
    company.insert(
        "purchase_orders",
        "purchase_order_id order_date status total_due",
        (1, "2024-01-01", 4, 100),
        (2, "2024-01-02", 1, 50),
    )
    company.insert(
        "purchase_order_lines",
        "purchase_order_line_id purchase_order_id order_date ordered_quantity received_quantity",
        (1, 1, "2024-01-01", 10, 8),
        (2, 1, "2024-01-01", 10, 10),
        (3, 2, "2024-01-02", 5, 0),
    )
    rows = company.query("purchase_orders purchase_spend supplier_fill_rate", "purchase_order__status")
    assert rows == [(1.0, 1.0, 50.0, 0.0), (4.0, 1.0, 100.0, 0.9)]


def test_half_a_minute_counts_in_a_percentile(company: Company) -> None:
    rows = [(number, "2024-01-01", minutes) for number, minutes in enumerate([10, 20, 30, 41, None])]
    company.insert("tickets", "ticket_id opened_date response_minutes", *rows)
    assert company.query("first_response_minutes_median first_response_minutes_p90") == [(25.0, 37.7)]
