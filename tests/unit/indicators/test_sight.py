"""Which periods see a day, and ranges of days."""

from datetime import date, timedelta

import pytest

from plumbline.definitions import load
from plumbline.indicators.sight import (
    EVER,
    Sight,
    common,
    few,
    in_months,
    meet,
    sights_of,
    together,
    without,
)
from tests.unit.definitions import shop

DAY = date(2024, 3, 5)
ONE = ((DAY, DAY),)


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "semantic_manifest.json"
    shop.write(path)
    return load(path)


def seen(definitions, metric, *dimensions):
    sights = sights_of(definitions, [metric], dimensions, ())
    times = sights.of("orders", {"amount"})
    return together(each for sight in times["order_date"] for each in sight.seen(ONE))


@pytest.mark.parametrize(
    ("metric", "last"),
    [
        ("sales", DAY),
        ("margin", DAY),
        ("recent_sales", DAY + timedelta(days=28)),
        ("sales_growth", DAY + timedelta(days=366)),
    ],
)
def test_a_day_is_seen_until_windows_and_comparisons_end(definitions, metric, last):
    assert seen(definitions, metric) == ((DAY, last),)


def test_a_total_to_date_sees_it_until_its_year_ends(definitions):
    ((first, last),) = seen(definitions, "sales_to_date")
    assert (first, last) == (DAY, date(2024, 12, 31))


def test_what_converts_later_is_seen_by_periods_before(definitions):
    ((first, last),) = seen(definitions, "came_back")
    assert first < DAY
    assert last == DAY


def test_a_mart_that_members_are_taken_from_is_not_told_by_days(definitions):
    sights = sights_of(definitions, ["sales"], ["product__category"], ())
    assert sights.taken == {"products": {"product_id", "category"}}
    assert sights.of("products", {"category"}) is None


def test_a_total_that_runs_on_sees_it_for_ever():
    assert Sight(ahead=None).seen(ONE) == ((DAY, date.max),)


def test_a_total_to_date_of_last_year_sees_it_into_the_next_one():
    ((_, last),) = Sight(until="year").then(Sight(ahead=366)).seen(ONE)
    assert last >= date(2025, 12, 31)


def test_a_week_that_begins_in_the_year_before_counts_for_the_new_year():
    ((_, last),) = Sight(until="year").seen(((date(2024, 12, 30),) * 2,))
    assert last == date(2025, 12, 31)


def test_ranges_that_touch_become_one():
    parts = [(date(2024, 1, 3), date(2024, 1, 4)), (date(2024, 1, 1), date(2024, 1, 2))]
    assert together(parts) == ((date(2024, 1, 1), date(2024, 1, 4)),)


def test_days_can_be_cut_out():
    left = without(EVER, ONE)
    assert left == ((date.min, date(2024, 3, 4)), (date(2024, 3, 6), date.max))
    assert not meet(left, ONE)
    assert common(EVER, ONE) == ONE


def test_many_days_become_months_and_very_many_one_range():
    some = together((day, day) for day in (date(2024, 1, 1) + timedelta(days=2 * n) for n in range(40)))
    assert few(some) == ((date(2024, 1, 1), date(2024, 3, 31)),)
    apart = together((day, day) for day in (date(2020 + n, 1, 5) for n in range(40)))
    assert few(apart) == ((date(2020, 1, 1), date(2059, 1, 31)),)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (EVER, ""),
        (ONE, "2024-03"),
        (((DAY, date(2024, 5, 9)),), "2024-03 to 2024-05"),
        (((DAY, date.max),), "from 2024-03 on"),
        (((date.min, DAY),), "up to 2024-03"),
        ((*ONE, (date(2025, 1, 1), date(2025, 1, 2))), "2024-03, 2025-01"),
    ],
)
def test_days_are_told_by_their_months(days, told):
    assert in_months(days) == told


def test_several_ranges_are_told_in_short():
    days = together((date(year, 1, 5), date(year, 1, 5)) for year in range(2020, 2025))
    assert in_months(days) == "some of 2020-01 to 2024-01"
