"""Two things mixed up, or misspelt, are told as what they are, with what to write instead."""

import pytest

from plumbline.errors import DefinitionError, PlumblineError
from plumbline.serving import open_generation, query
from plumbline.serving.library import list_values


def told(published, *metrics, **question):
    """Give the error of a question."""
    with pytest.raises(PlumblineError) as caught:
        query(published.home, metrics, **question)
    return caught.value


@pytest.mark.parametrize("word", ["product__category", "类别", "Category"])
def test_a_dimension_among_the_metrics_is_told_as_one(published, word):
    error = told(published, "net_sales", word)
    assert error.code == "unknown-metric"
    assert "is a dimension, not a metric" in error.what
    assert "--by product__category" in error.todo


@pytest.mark.parametrize("word", ["orders", "订单数"])
def test_a_metric_among_the_dimensions_is_told_as_one(published, word):
    error = told(published, "net_sales", by=[word])
    assert error.code == "unknown-dimension"
    assert "is a metric, not a dimension" in error.what
    assert "`plumb query net_sales orders`" in error.todo


@pytest.mark.parametrize("again", ["net_sales", "净销售额"])
def test_a_metric_that_is_asked_for_twice_is_told_once(published, again):
    error = told(published, "net_sales", again)
    assert (error.code, error.todo) == ("asked-twice", "Ask for it once.")


def test_a_dimension_as_grain_is_told_as_one(published):
    error = told(published, "net_sales", grain="product__category")
    assert error.code == "unknown-grain"
    assert "--by product__category" in error.todo


@pytest.mark.parametrize(("item", "hint"), [("metric_time__mnth", "'month'"), ("metric_time__x", "Known: ")])
def test_a_misspelt_grain_of_a_time_is_told_as_a_grain(published, item, hint):
    error = told(published, "net_sales", by=[item])
    assert error.code == "unknown-grain"
    assert error.where == item
    assert hint in error.todo


def test_a_misspelt_time_is_told_with_its_grain(published):
    assert "'metric_time__month'" in told(published, "net_sales", by=["metric_tme__month"]).todo


@pytest.mark.parametrize(
    ("question", "where", "why"),
    [
        ({"start": "2026-13"}, "--from", "Month must be in 1..12."),
        ({"end": "2026-02-30"}, "--to", "Day is out of range for month."),
        ({"end": "30.02.2026"}, "--to", ""),
    ],
)
def test_a_wrong_date_says_where_it_stands_and_why(published, question, where, why):
    error = told(published, "net_sales", **question)
    assert (error.code, error.where, error.why) == ("bad-date", where, why)


def test_a_range_that_ends_before_it_starts_says_how_to_write_it(published):
    error = told(published, "net_sales", start="2026-02", end="2026-01")
    assert error.where == "--from 2026-02 --to 2026-01"
    assert "first day with --from" in error.todo


@pytest.mark.parametrize(
    ("order", "hint"),
    [
        ("product__catgory", "Did you mean 'product__category'? It has product__category, net_sales."),
        ("orders", "orders is not asked for: ask for it too."),
        ("渠道", "order__channel is not asked for: ask for it too."),
        ("net_sales desc", "Write --order=-net_sales."),
        ("nothing", "It has product__category, net_sales."),
    ],
)
def test_a_column_to_order_by_that_is_not_there_says_which_are(published, order, hint):
    error = told(published, "net_sales", by=["product__category"], order=[order])
    assert (error.code, error.where) == ("unknown-order", "--order")
    assert error.todo.startswith(hint)


def test_metric_time_is_the_period_that_was_asked_for(published):
    for order in ("metric_time", "-metric_time"):
        table = query(published.home, ["net_sales"], grain="year", order=[order])
        assert table.column_names[0] == "metric_time__year"
    error = told(published, "net_sales", grain="year", order=["metric_time__day"])
    assert error.todo.startswith(
        "metric_time__day is not asked for: ask for it too. It has metric_time__year"
    )


def test_values_of_a_dimension_that_the_metric_lacks_are_refused(published):
    with open_generation(published.home) as source, pytest.raises(DefinitionError) as caught:
        list_values(source, "lead__channel", ["net_sales"])
    assert caught.value.code == "unreachable-dimension"
    assert "product__category" in caught.value.todo
