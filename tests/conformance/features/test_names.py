"""The names that columns of an answer have, and those that a question may use for them."""

import json
from pathlib import Path

import pytest

from plumbline.compiler import compile
from plumbline.errors import DefinitionError
from tests.conformance.features.market import Market, entity, manifest, plain

SOLD = """SELECT segment, sum(quantity) FROM market.lines LEFT JOIN market.orders USING (order_id)
    LEFT JOIN market.customers USING (customer_id) GROUP BY 1"""


def test_a_column_tells_the_whole_way_to_it(market: Market) -> None:
    assert market.columns("quantity", "customer__segment") == ["order__customer__segment", "quantity"]
    assert market.ask("quantity", "customer__segment") == market.sql(SOLD)


@pytest.mark.parametrize("name", ["customer__segment", "order__customer__segment"])
def test_it_is_ordered_and_compared_by_either_name(market: Market, name: str) -> None:
    rows = market.ask("quantity", "customer__segment", order_by=[name])
    assert rows == market.sql(f"{SOLD} ORDER BY 1 NULLS LAST", ordered=True)
    rows = market.ask("quantity", "customer__segment", where=[f"quantity > 3 OR {name} = 'trade'"])
    assert rows == market.sql(f"SELECT * FROM ({SOLD}) t(s, q) WHERE q > 3 OR s = 'trade'")


@pytest.mark.one_engine
def test_the_same_column_under_two_names_is_asked_for_twice(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.compiled("quantity", "customer__segment order__customer__segment")
    assert caught.value.code == "asked-twice"


def test_columns_take_the_names_that_are_given_to_them(market: Market) -> None:
    query = {
        "metrics": [{"name": "sales", "alias": "umsatz"}, "orders"],
        "group_by": [{"name": "metric_time", "grain": "year", "alias": "year of sale"}],
        "order_by": ["-umsatz"],
        "where": ["sales > 1"],
    }
    assert market.engine.columns(market.compiled_as(query)) == ["year of sale", "umsatz", "orders"]
    assert market.ask_as(query) == market.sql(
        """SELECT date_trunc('year', order_date), sum(amount), count(*) FROM market.orders
        GROUP BY 1 ORDER BY 2 DESC""",
        ordered=True,
    )


def test_members_take_the_names_that_are_given_to_them(market: Market) -> None:
    query = {"group_by": [{"name": "customer__segment", "alias": "kind"}], "order_by": ["kind"]}
    assert market.engine.columns(market.compiled_as(query)) == ["kind"]
    assert market.ask_as(query) == market.sql(
        "SELECT DISTINCT segment FROM market.customers ORDER BY 1 NULLS LAST", ordered=True
    )


def test_conditions_know_the_names_that_are_given_to_columns(market: Market) -> None:
    query = {
        "metrics": [{"name": "sales", "alias": "umsatz"}],
        "group_by": [{"name": "order__channel", "alias": "kind"}],
        "where": ["umsatz > 10", "kind <> 'shop'"],
    }
    assert market.ask_as(query) == market.sql("""
        SELECT channel, sum(amount) FROM market.orders WHERE channel <> 'shop' GROUP BY 1
        HAVING sum(amount) > 10""")


def test_members_are_compared_by_the_name_that_is_given_to_them(market: Market) -> None:
    query = {"group_by": [{"name": "customer__segment", "alias": "kind"}], "where": ["kind = 'trade'"]}
    assert market.ask_as(query) == [("trade",)]


def test_capital_letters_mean_small_ones(market: Market) -> None:
    query = {
        "metrics": ["Sales"],
        "group_by": ["Order__Channel", {"name": "METRIC_TIME", "grain": "YEAR"}],
        "order_by": ["-Metric_Time__Year", "ORDER__CHANNEL"],
    }
    assert market.engine.columns(market.compiled_as(query)) == [
        "order__channel",
        "metric_time__year",
        "sales",
    ]
    assert market.ask_as(query) == market.sql(
        """SELECT channel, date_trunc('year', order_date), sum(amount) FROM market.orders
        GROUP BY 1, 2 ORDER BY 2 DESC, 1 NULLS LAST""",
        ordered=True,
    )


@pytest.mark.one_engine
def test_the_same_period_under_two_names_is_asked_for_twice(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.compiled("sales", "metric_time metric_time__day")
    assert caught.value.code == "asked-twice"


@pytest.mark.one_engine
def test_two_columns_do_not_take_the_same_name(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.compiled_as({"metrics": [{"name": "sales", "alias": "orders"}, "orders"]})
    assert caught.value.code == "asked-twice"


def test_a_metric_in_a_filter_names_the_way_from_its_own_rows(market: Market) -> None:
    where = ["{{ Metric('quantity', group_by=['order__customer']) }} > 4"]
    bought = """SELECT customer_id FROM market.lines LEFT JOIN market.orders USING (order_id)
        GROUP BY 1 HAVING sum(quantity) > 4"""
    assert market.ask("joiners", where=where) == market.sql(
        f"SELECT count(*) FROM market.customers WHERE customer_id IN ({bought})"
    )
    assert market.ask("refunded", where=where) == market.sql(
        f"SELECT sum(refund) FROM market.refunds WHERE customer_id IN ({bought})"
    )


def test_a_metric_in_a_filter_names_a_key_under_its_own_model(market: Market) -> None:
    where = ["{{ Metric('refund_count', group_by=['refund__customer']) }} > 0"]
    assert market.ask("sales", where=where) == market.sql("""SELECT sum(amount) FROM market.orders
        WHERE customer_id IN (SELECT customer_id FROM market.refunds)""")


# What the compiler once called its own columns.
WORDS = ("moment", "item", "entity", "since", "until", "total", "present", "items", "rows", "number", "day")
ASKED = (
    *("sales_ever", "sales_28_days", "sales_60_days", "sales_28_days_average", "sales_2_months"),
    *("buyers_28_days", "buyers_ever", "notes_28_days", "sales_1_sprint_ago", "sales_growth"),
    *("sales_filled", "orders_filled_1_month_ago", "visit_to_order", "order_to_refund"),
)


@pytest.mark.one_engine
@pytest.mark.parametrize("word", WORDS)
def test_a_key_may_have_any_name(market: Market, tmp_path: Path, word: str) -> None:
    """The customers of orders and visits by another name are the same ones."""
    told = manifest()
    told["semantic_models"] = [
        {**part, "entities": [*part["entities"], entity(word, "foreign", "customer_id")]}
        if part["name"] in ("orders", "visits")
        else part
        for part in told["semantic_models"]
    ]
    path = tmp_path / "semantic_manifest.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    for metric in ASKED:
        for period in ("metric_time__month", "metric_time__day"):
            query = {"metrics": [metric, "orders"], "group_by": [period, word]}
            rows = market.con.execute(compile(path, query, "duckdb")).fetchall()
            found = sorted([tuple(map(plain, row)) for row in rows], key=str)
            assert found == sorted(market.ask(f"{metric} orders", f"{period} customer"), key=str), metric
