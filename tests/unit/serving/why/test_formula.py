"""The change of a formula, split over its inputs."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.serving.why.formula import CannotCalculate, calculate, inputs_of, split

NUMBERS = st.fractions(min_value=-1000, max_value=1000, max_denominator=100)
FORMULAS = (
    "a - b",
    "a / nullif(b, 0)",
    "a * b * 1.0 / nullif(c, 0) - 1",
    "(coalesce(a, 0) - b) / nullif(a + c, 0)",
)


def values(**given):
    return {name: None if value is None else Fraction(value) for name, value in given.items()}


@pytest.mark.parametrize(
    ("formula", "given", "expected"),
    [
        ("a - b", {"a": 5, "b": 3}, 2),
        ("a * 365.0 / nullif(b, 0)", {"a": 2, "b": 10}, 73),
        ("a / nullif(b, 0)", {"a": 2, "b": 0}, None),
        ("a / b", {"a": 2, "b": 0}, None),
        ("a - coalesce(b, 0)", {"a": 2, "b": None}, 2),
        ("a - b", {"a": 2, "b": None}, None),
        ("-a + 1", {"a": 2}, -1),
    ],
)
def test_a_formula_is_calculated_as_sql_calculates_it(formula, given, expected):
    assert calculate(formula, values(**given)) == expected


def test_of_a_difference_each_input_adds_its_own_change():
    parts = split("a - b", values(a=10, b=4), values(a=15, b=6))
    assert parts == {"a": 5, "b": -2}


def test_of_a_quotient_the_parts_are_those_of_both_orders_on_average():
    # First a, then b: 10/20 -> 12/20 -> 12/16; first b, then a: 10/20 -> 10/16 -> 12/16.
    parts = split("a / b", values(a=10, b=20), values(a=12, b=16))
    a = (Fraction(12, 20) - Fraction(10, 20) + Fraction(12, 16) - Fraction(10, 16)) / 2
    assert parts == {"a": a, "b": Fraction(12, 16) - Fraction(10, 20) - a}


def test_an_input_that_does_not_move_adds_nothing():
    assert split("a * b", values(a=2, b=3), values(a=4, b=3)) == {"a": 6, "b": 0}


def test_no_value_on_the_way_is_no_split():
    assert split("a / nullif(b, 0)", values(a=1, b=1), values(a=1, b=0)) is None


def test_what_is_no_sum_product_or_quotient_is_refused():
    with pytest.raises(CannotCalculate):
        calculate("sqrt(a)", values(a=4))


@settings(max_examples=40)
@given(formula=st.sampled_from(FORMULAS), numbers=st.lists(NUMBERS, min_size=6, max_size=6))
def test_the_parts_add_up_to_the_change(formula, numbers):
    names = inputs_of(formula)
    before = dict(zip(names, numbers[:3], strict=False))
    after = dict(zip(names, numbers[3:], strict=False))
    parts = split(formula, before, after)
    if parts is not None:
        assert sum(parts.values()) == calculate(formula, after) - calculate(formula, before)
