"""A range means the days that were asked for, for every kind of metric; what it cuts is marked or refused."""

from datetime import date
from decimal import Decimal

import pytest

from plumbline.errors import DefinitionError, UsageError
from plumbline.serving import Question, ask, open_generation, query


def only(table, name):
    return table.column(name).to_pylist()


def test_a_range_is_not_widened_to_whole_periods(published):
    table = query(published.home, ["net_sales"], grain="month", start="2026-02-15", end="2026-02-28")
    assert only(table, "net_sales") == [Decimal("9.5")]


@pytest.mark.parametrize(
    ("options", "cut"),
    [
        ({"grain": "month", "start": "2026-01-05", "end": "2026-02"}, [True, False]),
        ({"grain": "month", "start": "2026-01", "end": "2026-02-20"}, [False, True]),
        ({"grain": "month", "start": "2026-01", "end": "2026-02"}, [False, False]),
        ({"grain": "quarter", "start": "2026"}, [True]),
        ({"grain": "day", "start": "2026-02-15"}, [False]),
    ],
)
def test_periods_that_are_cut_or_not_over_are_marked(published, options, cut):
    assert only(query(published.home, ["net_sales"], **options), "is_partial") == cut


def test_a_total_of_all_time_is_that_at_the_end_of_the_range(published):
    table = query(published.home, ["sales_so_far"], start="2026-01", end="2026-01")
    expected = published.sql("SELECT sum(net_amount) FROM marts.order_lines WHERE order_date <= '2026-01-31'")
    assert only(table, "sales_so_far") == [expected[0][0]]


def test_a_total_of_all_time_is_compared_with_that_before_the_range(published):
    table = query(published.home, ["sales_so_far"], start="2026-02", end="2026-02", compare="previous")
    expected = published.sql("""
        SELECT sum(net_amount), sum(net_amount) FILTER (order_date < '2026-02-01') FROM marts.order_lines""")
    found = table.to_pylist()[0]
    assert (found["sales_so_far"], found["sales_so_far__previous"]) == expected[0]


def test_a_total_of_all_time_keeps_members_without_rows_in_the_range(published):
    table = query(published.home, ["sales_so_far"], by=["product__category"], start="2026-01", end="2026-01")
    expected = published.sql("""
        SELECT category, sum(net_amount) FROM marts.order_lines LEFT JOIN marts.products USING (product_id)
        WHERE order_date <= '2026-01-31' GROUP BY ALL ORDER BY ALL""")
    assert [tuple(row.values()) for row in table.to_pylist()] == expected


def test_to_date_without_a_range_is_that_of_the_as_of_date(published):
    table = query(published.home, ["sales_this_year"])
    expected = published.sql("SELECT sum(net_amount) FROM marts.order_lines WHERE order_date >= '2026-01-01'")
    assert only(table, "sales_this_year") == [expected[0][0]]


@pytest.mark.parametrize("compare", ["previous", "year-ago"])
def test_cut_periods_are_not_compared(published, compare):
    with pytest.raises(UsageError, match="the range cuts a month") as caught:
        query(published.home, ["orders"], grain="month", start="2026-01-15", compare=compare)
    assert caught.value.code == "partial-period"


def test_weeks_are_compared_with_whole_weeks(published):
    options = {"grain": "week", "start": "2026-02-09", "end": "2026-02-22", "compare": "previous"}
    table = query(published.home, ["orders"], **options)
    assert only(table, "orders__previous") == [None, 1]


def test_a_cut_period_has_no_growth(published):
    with pytest.raises(DefinitionError, match="cuts a month"):
        query(published.home, ["monthly_growth"], grain="month", start="2026-02-10")


@pytest.mark.parametrize(
    ("metric", "options", "told"),
    [
        ("monthly_growth", {"grain": "quarter"}, "says nothing by quarter"),
        ("monthly_growth", {"by": ["order_line__order_date__year"]}, "says nothing by year"),
        ("环比", {"grain": "季"}, "'环比' (monthly_growth) says nothing by quarter"),
        ("orders_ever", {"start": "2026"}, "is a figure of all time"),
        ("orders_ever", {"grain": "month"}, "is a figure of all time"),
    ],
)
def test_a_period_that_a_metric_does_not_have_is_refused(published, metric, options, told):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, [metric], **options)
    assert caught.value.code == "no-such-period"
    assert told in caught.value.what
    assert "grains: [" in caught.value.why


def test_a_period_that_a_metric_has_is_answered(published):
    assert only(query(published.home, ["monthly_growth"], grain="month"), "metric_time__month")
    assert only(query(published.home, ["orders_ever"]), "orders_ever") == [5]


def test_growth_without_periods_names_the_option(published):
    with pytest.raises(DefinitionError, match="compares periods") as caught:
        query(published.home, ["monthly_growth"])
    assert caught.value.todo == "Add --grain month."


def test_of_several_metrics_only_those_that_compare_periods_are_named(published):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["orders", "monthly_growth"])
    assert caught.value.what == "'monthly_growth' compares periods, and none is asked for"


def test_an_open_range_reaches_any_day(shop):
    shop.change("INSERT INTO marts.orders VALUES (9, '1999-12-31', 'x')")
    shop.publish()
    assert only(query(shop.home, ["orders"], end="2025"), "orders") == [3]


def test_every_answer_ends_with_the_mark_only_when_it_is_split_by_periods(published):
    table = query(published.home, ["orders"], by=["order__channel"])
    assert table.column_names == ["order__channel", "orders"]
    table = query(published.home, ["orders"], grain="month", start="2026-01", end="2026-01")
    assert table.to_pylist() == [{"metric_time__month": date(2026, 1, 1), "orders": 1, "is_partial": False}]


def test_of_two_periods_the_shorter_one_is_marked(published):
    with open_generation(published.home, sealed=True) as source:
        question = Question(("orders",), by=("month", "year"), start="2026-01", end="2026-02-20")
        answer = ask(published.home, source, question)
        notes = answer.notes(answer.rows())
    cut = "* the month from 2026-02-01 is cut by the range: it counts 2026-02-01 to 2026-02-20"
    assert [note.partition(";")[0] for note in notes] == [cut]


def test_the_private_warehouse_knows_its_as_of_date(shop):
    shop.change("CREATE SCHEMA landing_run")
    shop.change("CREATE TABLE landing_run.context AS SELECT DATE '2026-02-20' AS as_of")
    table = query(shop.home, ["orders"], grain="month", start="2026-01", live=True)
    assert only(table, "is_partial") == [False, True]


def test_a_range_that_is_not_over_is_no_whole_one_to_compare(published):
    with open_generation(published.home, sealed=True) as source:
        question = Question(("orders",), start="2026-02", end="2026-03", compare="previous")
        answer = ask(published.home, source, question)
        assert answer.notes(answer.rows())[0].endswith("do not compare it with a whole one")
