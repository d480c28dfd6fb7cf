"""A period that begins before the data is marked, and so is one that is compared with it."""

from datetime import date
from typing import Any

import pytest

from plumbline.serving import Question, ask, open_generation, query
from plumbline.serving.library import show_metric


def notes(shop: Any, *metrics: str, **options: Any) -> list[str]:
    with open_generation(shop.home, sealed=True) as source:
        answer = ask(shop.home, source, Question(metrics, **options))
        return list(answer.notes(answer.rows()))


@pytest.mark.parametrize(
    ("metrics", "options", "marked"),
    [
        (["net_sales"], {"grain": "year", "end": "2025"}, [True]),
        (["net_sales"], {"grain": "month", "end": "2025"}, [True, False]),
        (["orders"], {"grain": "month", "end": "2025"}, [False, False]),
        (["net_sales"], {"grain": "day", "end": "2025"}, [False, False]),
        (["sales_so_far"], {"grain": "month", "end": "2025-01"}, [False]),
        (["monthly_growth"], {"grain": "month", "end": "2025-02"}, [False, True]),
        (["net_sales"], {"grain": "month", "end": "2025-02", "compare": "previous"}, [True, True]),
        (["net_sales"], {"grain": "month", "start": "2026", "compare": "year-ago"}, [True, False]),
    ],
)
def test_what_rests_on_days_before_the_data_is_marked(begun, metrics, options, marked):
    assert query(begun.home, metrics, **options).column("is_partial").to_pylist() == marked


@pytest.mark.parametrize(
    ("grain", "marked"), [("month", [False, False, True, True]), ("year", [False, True])]
)
def test_a_conversion_is_marked_until_the_time_for_what_may_follow_is_over(begun, grain, marked):
    table = query(begun.home, ["invoiced"], grain=grain, start="2025")
    assert table.column("is_partial").to_pylist() == marked


def test_the_note_tells_that_a_conversion_is_not_settled(begun):
    assert notes(begun, "invoiced", grain="month", start="2026-01", end="2026-01") == [
        "* the month from 2026-01-01 is not settled: what follows its events may come after 2026-02-28; "
        "do not compare it with whole ones"
    ]


def test_a_period_that_has_nothing_to_be_compared_with_is_not_marked(begun):
    table = query(
        begun.home, ["net_sales"], grain="month", start="2025-02", end="2025-02", compare="year-ago"
    )
    assert table.column("is_partial").to_pylist() == [False]


def test_the_note_tells_when_the_data_begin(begun):
    told = notes(begun, "net_sales", grain="month", end="2025-02", compare="previous")
    assert told == [
        "* the month from 2025-01-01 begins before the data: it counts 2025-01-10 to 2025-01-31; "
        "do not compare it with whole ones",
        "* the month from 2025-02-01 rests on days before 2025-01-10, when the data begin: "
        "its change says little",
    ]


def test_a_period_that_begins_early_and_is_not_over_says_both_ends(begun):
    begun.change("UPDATE candidates.coverage SET data_from = DATE '2026-02-10'")
    begun.publish()
    told = notes(begun, "net_sales", grain="quarter", start="2026")
    assert told[0].startswith(
        "* the quarter from 2026-01-01 is not over yet: it counts 2026-02-10 to 2026-02-28"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"start": "2025", "end": "2025"}, "the range begins on 2025-01-01; the data begin on 2025-01-10"),
        (
            {"start": "2026-01", "end": "2026-01", "compare": "year-ago"},
            "the range that it is compared with begins on 2025-01-01; the data begin on 2025-01-10: "
            "the change says little",
        ),
        ({"start": "2025-02", "end": "2025-02"}, None),
    ],
)
def test_a_range_that_begins_before_the_data_is_told(begun, options, told):
    assert notes(begun, "net_sales", **options) == ([told] if told else [])


def test_a_moved_generation_still_knows_when_its_data_begin(begun, tmp_path):
    begun.publish(large_rows=1)
    begun.home.root.rename(tmp_path / "moved")
    moved = type(begun.home)(tmp_path / "moved")
    table = query(moved, ["net_sales"], grain="year", end="2025")
    assert table.column("is_partial").to_pylist() == [True]


def test_showing_a_metric_tells_when_its_data_begin(begun):
    with open_generation(begun.home) as source:
        assert show_metric(source, "monthly_growth")["data_from"] == date(2025, 1, 10)
        assert "data_from" not in show_metric(source, "orders")
