"""A plan in words: formulas over passes, and what each pass reads."""

import pytest

from plumbline.compiler import explain


@pytest.fixture
def outline(manifest):
    def tell(metrics, by="", **query):
        return explain(manifest, {"metrics": metrics.split(), "group_by": by.split(), **query}).plan

    return tell


def test_two_sums_over_the_same_rows_are_one_pass(outline):
    assert outline("sales margin", "product__category").splitlines() == [
        "sales = A.amount",
        "margin = (A.amount - A.cost) / A.amount",
        "",
        "A  rows of marts.orders, by product__category (marts.products over product)",
        "   amount: sum(amount)",
        "   cost: sum(cost)",
    ]


@pytest.mark.parametrize(
    ("metric", "formula", "last"),
    [
        (
            "first_orders",
            "first_orders = A.order_count",
            "   order_count: sum(1); where order__number_of_customer = 1",
        ),
        ("customers", "customers = A.customer_count", "   customer_count: count(distinct customer_id)"),
        (
            "came_back",
            "came_back = coalesce(A.second_order_count, 0) / B.order_count",
            "   order_count: sum(1); where order__number_of_customer = 1",
        ),
        ("order_value", "order_value = A.amount / A.order_count", "   order_count: sum(1)"),
    ],
)
def test_a_formula_names_the_passes_and_a_pass_its_aggregates(outline, metric, formula, last):
    lines = outline(metric, "metric_time__month").splitlines()
    assert (lines[0], lines[-1]) == (formula, last)


@pytest.mark.parametrize(
    ("metric", "letter", "words"),
    [
        ("stock", "A", "only the last stock_date"),
        ("sales_to_date", "A", "running, since the year began; last of the period"),
        ("recent_sales", "A", "running over 28 days; last of the period"),
        ("sales_growth", "B", "seen 1 year later"),
        ("came_back", "A", "followed within 30 days by rows of marts.orders of the same customer"),
    ],
)
def test_a_pass_tells_which_rows_count_when(outline, metric, letter, words):
    passes = {
        line[0]: line for line in outline(metric, "metric_time__month").splitlines() if line[1:3] == "  "
    }
    assert passes[letter].endswith(words)


def test_filters_and_ranges_are_told_in_the_names_of_what_they_ask_for(outline):
    condition = "{{ Dimension('product__category') }} = 'Bikes'"
    text = outline("sales", where=[condition], time_constraint=["2024-01-01", "2024-12-31"])
    assert "product__category = 'Bikes'" in text
    assert "2024-01-01 <= order_date < 2025-01-01" in text


def test_a_question_without_metrics_asks_for_members(outline):
    assert outline("", "product__category") == "members of product__category"
