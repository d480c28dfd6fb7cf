from datetime import date
from decimal import Decimal

import pytest

from plumbline.definitions import load
from plumbline.errors import DefinitionError, StorageError, UsageError
from plumbline.serving import query
from plumbline.serving.vocabulary import Vocabulary
from tests.unit.definitions import shop


def rows(table):
    """Give the rows without the mark of cut periods."""
    names = [name for name in table.column_names if name != "is_partial"]
    return [tuple(row.values()) for row in table.select(names).to_pylist()]


def test_one_figure(published):
    table = query(published.home, ["net_sales"])
    assert table.to_pylist() == [{"net_sales": Decimal("430.000001")}]


def test_split_by_period_and_dimension(published):
    table = query(published.home, ["net_sales"], by=["product__category"], grain="year")
    expected = published.sql("""
        SELECT date_trunc('year', order_date)::DATE, category, sum(net_amount)
        FROM marts.order_lines LEFT JOIN marts.products USING (product_id)
        GROUP BY ALL ORDER BY ALL""")
    assert table.column_names == ["metric_time__year", "product__category", "net_sales", "is_partial"]
    assert rows(table) == expected


def test_counts_are_whole_numbers_and_money_is_decimal(published):
    import pyarrow as pa

    lines = query(published.home, ["net_sales"], by=["month"])
    assert lines.schema.types == [pa.date32(), pa.decimal128(38, 6), pa.bool_()]
    assert query(published.home, ["orders"]).schema.types == [pa.int64()]


@pytest.mark.parametrize("words", [["revenue"], ["净销售额"], ["营业收入"], ["Net Sales"], ["NET_SALES"]])
def test_metrics_are_known_by_label_and_synonym(published, words):
    assert query(published.home, words).column_names == ["net_sales"]


@pytest.mark.parametrize("word", ["渠道", "Channel", "channel", "order__channel"])
def test_dimensions_are_known_by_label(published, word):
    table = query(published.home, ["orders"], by=[word])
    assert rows(table) == [("online", 3), ("store", 2)]


@pytest.mark.parametrize("word", ["month", "月", "metric_time__month"])
def test_periods_are_known_by_their_words(published, word):
    assert query(published.home, ["orders"], by=[word]).column_names[0] == "metric_time__month"


@pytest.mark.parametrize(
    "condition",
    [
        "product__category = 'Bikes'",
        "category = 'Bikes'",
        "类别 = 'Bikes'",
        "\"Category\" = 'Bikes'",
        "{{ Dimension('product__category') }} = 'Bikes'",
        "product__category IN ('Bikes', 'and; no''thing')",
    ],
)
def test_conditions_name_dimensions_as_people_do(published, condition):
    assert rows(query(published.home, ["net_sales"], where=[condition])) == [(Decimal("330.000001"),)]


def test_a_condition_on_time(published):
    table = query(published.home, ["orders"], where=["metric_time__year >= '2026-01-01'"])
    assert rows(table) == [(3,)]


@pytest.mark.parametrize(
    ("start", "end", "orders"),
    [("2026", None, 3), ("2026-02", "2026-02", 2), (None, "2025-Q1", 2), ("2026-02-15", "2026-02-28", 1)],
)
def test_a_range_includes_both_ends(published, start, end, orders):
    assert rows(query(published.home, ["orders"], start=start, end=end)) == [(orders,)]


def test_order_and_limit(published):
    table = query(published.home, ["net_sales"], by=["类别"], order=["-净销售额"], limit=1)
    assert rows(table) == [("Bikes", Decimal("330.000001"))]


def test_each_period_beside_the_one_before(published):
    table = query(
        published.home, ["orders"], grain="month", start="2026-01", end="2026-02", compare="previous"
    )
    assert table.column_names[1:-1] == [
        "orders",
        "orders__previous",
        "orders__change",
        "orders__change_rate",
    ]
    assert rows(table) == [
        (date(2026, 1, 1), 1, None, None, None),
        (date(2026, 2, 1), 2, 1, 1, 1.0),
    ]


def test_each_period_beside_the_year_before(published):
    table = query(published.home, ["net_sales"], grain="month", start="2026", compare="year-ago")
    assert rows(table) == [
        (date(2026, 1, 1), Decimal(200), Decimal("150.000001"), Decimal("49.999999"), 0.333333),
        (date(2026, 2, 1), Decimal(50), Decimal(30), Decimal(20), 0.666667),
    ]


def test_a_whole_range_beside_another_keeps_members_of_either(published):
    table = query(
        published.home, ["net_sales"], by=["类别"], start="2026-02", end="2026-02", compare="year-ago"
    )
    assert rows(table) == [
        ("Bikes", None, Decimal(30), None, None),
        ("Helmets", Decimal("40.5"), None, None, None),
        (None, Decimal("9.5"), None, None, None),
    ]


def test_the_leap_day_meets_one_day_only(shop):
    shop.change("""
        INSERT INTO marts.orders
        VALUES (10, '2024-02-28', 'x'), (11, '2024-02-29', 'x'), (12, '2025-02-28', 'x')""")
    shop.publish()
    table = query(
        shop.home, ["orders"], grain="day", start="2025-02-28", end="2025-02-28", compare="year-ago"
    )
    assert rows(table) == [(date(2025, 2, 28), 2, 1, 1, 1.0)]


def test_the_answer_comes_from_the_published_generation(shop):
    shop.publish()
    shop.change("UPDATE marts.order_lines SET net_amount = 0")
    assert rows(query(shop.home, ["net_sales"])) == [(Decimal("430.000001"),)]
    assert rows(query(shop.home, ["net_sales"], live=True)) == [(Decimal(0),)]


def test_figures_obey_the_definitions_of_their_generation(shop):
    shop.publish()
    text = shop.home.semantic_manifest.read_text()
    shop.home.semantic_manifest.write_text(text.replace('"net_sales"', '"sales_after_discount"'))
    assert query(shop.home, ["net_sales"]).num_rows == 1


def test_big_marts_answer_alike(shop):
    shop.publish(large_rows=2)
    assert rows(query(shop.home, ["net_sales"])) == [(Decimal("430.000001"),)]


def test_a_metric_without_an_extract_says_so(published):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["线索数"])
    assert caught.value.code == "not-available"
    assert "No extract of crm.lead." in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "hint"), [("net_sale", "'net_sales'"), ("净销售", "'净销售额'"), ("xyz", "plumb list metrics")]
)
def test_an_unknown_metric_gets_a_suggestion(published, metric, hint):
    with pytest.raises(DefinitionError, match="unknown metric") as caught:
        query(published.home, [metric])
    assert hint in caught.value.todo


def test_an_unknown_dimension_gets_a_suggestion(published):
    with pytest.raises(DefinitionError, match="unknown dimension") as caught:
        query(published.home, ["orders"], by=["chanel"])
    assert "Channel" in caught.value.todo


def test_an_unknown_dimension_like_no_other_names_what_is_possible(published):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["net_sales"], by=["zzz"])
    assert caught.value.todo == (
        "Possible: order__channel, product__category, product__name. `plumb list dimensions` names them all."
    )


@pytest.mark.parametrize("word", ["Product group", "product_group", "品类"])
def test_a_dimension_is_known_by_its_synonyms(published, word):
    found = query(published.home, ["net_sales"], by=[word], where=[f"\"{word}\" = 'Bikes'"])
    condition = "product__category = 'Bikes'"
    named = query(published.home, ["net_sales"], by=["product__category"], where=[condition])
    assert found.column_names == ["product__category", "net_sales"]
    assert rows(found) == rows(named) != []


def test_a_published_table_is_no_metric(published):
    with pytest.raises(DefinitionError, match="'sales_monthly' is a published table, not a metric") as caught:
        query(published.home, ["sales_monthly"])
    assert caught.value.why == "It has net_sales, orders."
    assert "plumb show sales_monthly" in caught.value.todo


def test_suggestions_say_where_they_are_defined(tmp_path):
    manifest = shop.write(tmp_path / "target" / "semantic_manifest.json", shop.manifest())
    (tmp_path / "metrics").mkdir()
    text = "semantic_models:\n  - name: products\n  - name: orders\nmetrics:\n  - name: sales\n"
    (tmp_path / "metrics" / "shop.yml").write_text(text, encoding="utf-8")
    words = Vocabulary(load(manifest, tmp_path))
    for ask, place in (
        (lambda: words.metric("saless"), "metrics/shop.yml:5"),
        (lambda: words.group_by("product__categroy", ["sales"]), "metrics/shop.yml:2"),
        (lambda: words.where("saless > 5", ["sales"]), "metrics/shop.yml:5"),
        (lambda: words.where("product__categroy = 'x'", ["sales"]), "metrics/shop.yml:2"),
    ):
        with pytest.raises(DefinitionError) as caught:
            ask()
        assert f"Defined in {place}" in caught.value.todo


def test_a_name_of_several_dimensions_asks_back(published):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["net_sales", "leads"], by=["Channel"])
    assert caught.value.code == "ambiguous-dimension"
    assert "lead__channel, order__channel" in caught.value.todo


@pytest.mark.parametrize(
    "condition",
    [
        "order__channel = 'x'; DROP TABLE warehouse.marts.orders",
        "order__channel = 'x') FROM t; ATTACH 'x.duckdb' --",
        "no_such_thing = 1",
        "order__channel = (SELECT content FROM read_text('/etc/hostname'))",
    ],
)
def test_a_condition_can_do_no_harm(published, condition):
    with pytest.raises(DefinitionError):
        query(published.home, ["orders"], where=[condition])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"start": "2026-13"}, "bad-date"),
        ({"start": "yesterday"}, "bad-date"),
        ({"start": "2026-02", "end": "2026-01"}, "bad-range"),
        ({"compare": "previous"}, "no-period"),
        ({"compare": "previous", "start": "2026-01"}, "no-period"),
        ({"order": ["units"]}, "unknown-order"),
        ({"by": ["order__channel", "渠道"]}, "asked-twice"),
        ({"by": ["metric_time__month", "metric_time__month"]}, "asked-twice"),
        ({"limit": -1}, "bad-limit"),
        ({"limit": 2**63}, "bad-limit"),
    ],
)
def test_impossible_wishes_are_refused(published, options, code):
    with pytest.raises(UsageError) as caught:
        query(published.home, ["orders"], **options)
    assert caught.value.code == code


def test_a_metric_is_asked_for_once_by_whatever_name(published):
    with pytest.raises(UsageError) as caught:
        query(published.home, ["net_sales", "净销售额"])
    assert caught.value.code == "asked-twice"
    assert "as 'net_sales' too" in str(caught.value)


@pytest.mark.parametrize("where", ["(" * 9000 + "orders > 1" + ")" * 9000, "NOT " * 9000 + "orders > 1"])
def test_a_condition_nested_too_deeply_is_refused(published, where):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["orders"], where=[where])
    assert caught.value.code == "too-deep"


def test_an_unknown_grain_is_refused(published):
    with pytest.raises(DefinitionError, match="unknown grain"):
        query(published.home, ["orders"], grain="fortnight")


def test_nothing_published_says_what_to_do(shop):
    with pytest.raises(StorageError) as caught:
        query(shop.home, ["orders"])
    assert caught.value.code == "nothing-published"


def test_compiled_sql_is_kept(shop, monkeypatch):
    shop.publish()
    first = query(shop.home, ["orders"])
    monkeypatch.setattr("plumbline.compiler._compile", None)
    assert query(shop.home, ["orders"]) == first


def test_a_dimension_that_no_key_leads_to_is_refused(published):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["net_sales", "orders"], by=["product__category"])
    assert str(caught.value).startswith("metric 'orders' cannot be split by 'product__category'")
    assert caught.value.todo == "Possible: order__channel, order__order_date."


def test_a_question_without_a_metric_says_where_they_are(published):
    with pytest.raises(UsageError, match="no metric"):
        query(published.home, [])


@pytest.mark.parametrize(
    "asked", [{"by": ["metric_time__hour"]}, {"where": ["metric_time__hour > '2026-01-01'"]}]
)
def test_periods_shorter_than_the_data_are_refused(published, asked):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["净销售额"], **asked)
    assert caught.value.what == "metric '净销售额' (net_sales) says nothing by hour"
    assert caught.value.todo == "Ask by day or week or month or quarter or year."
