from datetime import date

import pytest

from plumbline.errors import UsageError
from plumbline.serving.periods import Period, last_day, read_period, read_whole_period


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-Q1", date(2024, 1, 1), date(2024, 3, 31)),
        ("2024-q4", date(2024, 10, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
        # Weeks of ISO 8601: the first one has the first Thursday.
        ("2025-W01", date(2024, 12, 30), date(2025, 1, 5)),
        ("2026-w53", date(2026, 12, 28), date(2027, 1, 3)),
    ],
)
def test_a_text_means_its_first_to_its_last_day(text, start, end):
    assert read_period(text, text) == Period(start, end)


@pytest.mark.parametrize(
    ("text", "grain"),
    [
        ("2024", "year"),
        ("2024-Q1", "quarter"),
        ("2024-02", "month"),
        ("2024-W09", "week"),
        ("2024-02-29", "day"),
    ],
)
def test_a_period_is_as_long_as_it_is_written(text, grain):
    assert read_whole_period(text, "--period") == (grain, read_period(text, text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2025-W53", "week"),
        ("2025-W00", "week"),
        ("9999-12-31", "years are 1000 to 9998"),
        ("2025-W1", "2026-W05"),
    ],
)
def test_what_is_no_period_is_told(text, told):
    with pytest.raises(UsageError, match=f"(?i){told}"):
        read_period(text, None)


def test_a_week_is_compared_with_the_one_before():
    assert read_period("2024-W01", "2024-W01").previous() == read_period("2023-W52", "2023-W52")


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
