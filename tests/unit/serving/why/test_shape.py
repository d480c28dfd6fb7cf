"""Which figures add up, and which are one sum over another."""

from fractions import Fraction

import pytest

from plumbline.definitions import Definitions, Location, Metric, MetricInput, load
from plumbline.definitions.model import Governance
from plumbline.serving.why.shape import adds_up, quotient_of, why_not


@pytest.fixture(scope="module")
def definitions(published) -> Definitions:
    return load(published.home.semantic_manifest)


def derived(expr, *inputs):
    taken = tuple(MetricInput(name) for name in inputs)
    return Metric("made", "Made", "", "derived", Governance(), Location("", 0), inputs=taken, expr=expr)


@pytest.mark.parametrize("name", ["net_sales", "orders", "sales_so_far", "monthly_growth"])
def test_sums_and_differences_of_sums_add_up(definitions, name):
    assert adds_up(definitions, definitions.metrics[name])


@pytest.mark.parametrize("name", ["average_order_value", "invoiced"])
def test_shares_do_not_add_up(definitions, name):
    metric = definitions.metrics[name]
    assert not adds_up(definitions, metric)
    assert why_not(definitions, metric)


def test_a_ratio_is_one_sum_over_another(definitions):
    found = quotient_of(definitions, definitions.metrics["average_order_value"])
    assert (dict(found.above), dict(found.below)) == ({"net_sales": 1}, {"orders": 1})


@pytest.mark.parametrize(
    ("expr", "above", "below"),
    [
        ("net_sales / nullif(orders, 0) / 60.0", {"net_sales": Fraction(1, 60)}, {"orders": 1}),
        ("net_sales * 1.0 / nullif(orders, 0) - 1", {"net_sales": 1, "orders": -1}, {"orders": 1}),
        ("(coalesce(net_sales, 0) - orders) / orders", {"net_sales": 1, "orders": -1}, {"orders": 1}),
        ("net_sales / (net_sales + orders)", {"net_sales": 1}, {"net_sales": 1, "orders": 1}),
        ("2 - net_sales / orders", {"net_sales": -1, "orders": 2}, {"orders": 1}),
    ],
)
def test_a_formula_is_read_as_weights_above_and_below_the_line(definitions, expr, above, below):
    found = quotient_of(definitions, derived(expr, "net_sales", "orders"))
    assert (dict(found.above), dict(found.below)) == (above, below)


@pytest.mark.parametrize(
    "expr",
    ["net_sales * orders", "net_sales / orders + orders", "sqrt(net_sales)", "1 / orders", "net_sales"],
)
def test_any_other_formula_is_none(definitions, expr):
    assert quotient_of(definitions, derived(expr, "net_sales", "orders")) is None


def test_a_quotient_of_what_does_not_add_up_is_none(definitions):
    made = derived("average_order_value / orders", "average_order_value", "orders")
    assert quotient_of(definitions, made) is None
