from datetime import date

import pytest

from plumbline.serving.periods import Period, last_day, read_period


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-Q1", date(2024, 1, 1), date(2024, 3, 31)),
        ("2024-q4", date(2024, 10, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
    ],
)
def test_a_text_means_its_first_to_its_last_day(text, start, end):
    assert read_period(text, text) == Period(start, end)


def test_an_open_end_has_no_bound():
    assert read_period(None, "2024").start is None
    assert read_period("2024", None).end is None
    assert read_period(None, None) is None


@pytest.mark.parametrize(
    ("text", "previous", "year_ago"),
    [
        ("2024-03", "2024-02", "2023-03"),
        ("2024-02", "2024-01", "2023-02"),
        ("2024-Q1", "2023-Q4", "2023-Q1"),
        ("2024", "2023", "2023"),
        ("2024-01-01", "2023-12-31", "2023-01-01"),
        ("2024-02-29", "2024-02-28", "2023-02-28"),
    ],
)
def test_calendar_ranges_are_compared_with_calendar_ranges(text, previous, year_ago):
    period = read_period(text, text)
    assert period.previous() == read_period(previous, previous)
    assert period.year_ago() == read_period(year_ago, year_ago)


def test_other_ranges_are_compared_with_as_many_days():
    period = Period(date(2024, 3, 5), date(2024, 3, 11))
    assert period.previous() == Period(date(2024, 2, 27), date(2024, 3, 4))


@pytest.mark.parametrize(
    ("grain", "end"),
    [
        ("day", date(2024, 1, 1)),
        ("week", date(2024, 1, 7)),
        ("month", date(2024, 1, 31)),
        ("quarter", date(2024, 3, 31)),
        ("year", date(2024, 12, 31)),
    ],
)
def test_a_period_ends_before_the_next_begins(grain, end):
    assert last_day(date(2024, 1, 1), grain) == end
