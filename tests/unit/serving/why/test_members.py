"""The change of a figure, split over members."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.serving.why.members import differences, largest, mix_and_rate
from plumbline.serving.why.rounding import share, whole_parts

CELLS = st.dictionaries(
    st.sampled_from("abcde"),
    st.tuples(st.fractions(-100, 100, max_denominator=7), st.fractions(0, 100, max_denominator=7)),
)


def cells(**given):
    return {name: (Fraction(above), Fraction(below)) for name, (above, below) in given.items()}


def by_member(parts):
    return {part.member: part for part in parts}


def test_a_member_that_comes_or_goes_adds_all_that_it_has():
    parts = differences({"gone": Fraction(7)}, {"new": Fraction(5)})
    assert [(part.member, part.before, part.after, part.contribution) for part in parts] == [
        ("new", None, 5, 5),
        ("gone", 7, None, -7),
    ]


def test_rates_that_change_at_the_same_weights_are_rate_alone():
    parts = by_member(mix_and_rate(cells(a=(10, 50), b=(20, 50)), cells(a=(15, 50), b=(20, 50))))
    assert (parts["a"].mix, parts["a"].rate) == (0, Fraction(1, 20))
    assert (parts["b"].mix, parts["b"].rate) == (0, 0)


def test_weights_that_move_at_the_same_rates_are_mix_alone():
    before, after = cells(a=(10, 50), b=(20, 50)), cells(a=(4, 20), b=(32, 80))
    parts = mix_and_rate(before, after)
    assert {part.rate for part in parts} == {0}
    assert sum(part.mix for part in parts) == Fraction(36, 100) - Fraction(30, 100)


def test_a_new_member_is_mix():
    parts = by_member(mix_and_rate(cells(a=(10, 50)), cells(a=(10, 50), b=(25, 50))))
    assert parts["b"].rate == 0
    assert (parts["b"].before, parts["b"].after) == (None, Fraction(1, 2))


def test_without_weight_in_a_period_there_is_no_split():
    assert mix_and_rate(cells(a=(1, 0)), cells(a=(1, 2))) is None


@settings(max_examples=40)
@given(before=CELLS, after=CELLS)
def test_mix_and_rate_add_up_to_the_change(before, after):
    parts = mix_and_rate(before, after)
    if parts is None:
        return
    totals = [[sum(cell[at] for cell in side.values()) for at in (0, 1)] for side in (before, after)]
    change = totals[1][0] / totals[1][1] - totals[0][0] / totals[0][1]
    assert sum(part.contribution for part in parts) == change
    assert all(part.mix + part.rate == part.contribution for part in parts)


def test_the_parts_that_matter_most_come_first():
    parts = differences({}, {"small": Fraction(1), "big": Fraction(-9), "middle": Fraction(5)})
    shown, others = largest(parts, 2)
    assert [part.member for part in shown] == ["big", "middle"]
    assert [part.member for part in others] == ["small"]


def test_rounded_parts_add_up_to_the_whole():
    parts = whole_parts([Fraction(1, 3), Fraction(1, 3), Fraction(1, 3)], Decimal(1))
    assert sum(parts) == 1
    assert parts[1] == Decimal("0.333333333333")


def test_a_share_of_nothing_is_none():
    assert share(Decimal(1), Decimal(0)) is None
    assert share(Decimal(1), Decimal(-4)) == Decimal("0.25")
