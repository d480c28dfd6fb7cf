"""Conditions reach dimensions and the metrics asked for, nothing else; what they leave out is told."""

from decimal import Decimal

import pytest

from plumbline.errors import DefinitionError
from plumbline.serving import Question, ask, open_generation, query
from plumbline.serving.company import Company


def told(shop, *metrics, **question):
    """Give the notes of an answer."""
    with open_generation(shop.home, sealed=True) as source:
        answer = ask(shop.home, source, Question(metrics, **question))
        return answer.notes(answer.rows())


def test_a_condition_may_name_the_whole_way_to_a_dimension(published):
    for name in ("product__category", "order_line__product__category"):
        table = query(published.home, ["net_sales"], by=["product__category"], where=[f"{name} = 'Bikes'"])
        assert table.column("product__category").to_pylist() == ["Bikes"]


def test_a_metric_filters_the_result(published):
    for condition in ("net_sales > 100", "净销售额 > 100", '"Net sales" > 100', "revenue > 100"):
        table = query(published.home, ["net_sales"], by=["product__category"], where=[condition])
        assert table.column("product__category").to_pylist() == ["Bikes"]


@pytest.mark.parametrize(
    ("condition", "code", "hint"),
    [
        ("net_amount > 5", "unknown-name", "plumb list dimensions"),
        ("order_lines.net_amount > 5", "bad-condition", "column of a table"),
        (
            "{{ Dimension('product__category') }} = 'x' or order_lines.net_amount > 5",
            "bad-condition",
            "table",
        ),
        ("#1 > 5", "bad-condition", "more than a comparison"),
        ("COLUMNS('net.*') > 5", "bad-condition", "more than a comparison"),
        ("count(product__category) > 5", "bad-condition", "COUNT(product__category)"),
        ("rowid = 1", "unknown-name", "rowid"),
        ("product__category = ", "bad-condition", "no complete comparison"),
        ("net_sales > 10%", "bad-condition", "A share is written as a number: 0.1 for 10%."),
        ("net_sales > 2.5 ％", "bad-condition", "A share is written as a number: 0.025 for 2.5%."),
        ("net_sales > 10 % 3 >", "bad-condition", "no complete comparison"),
        ("product__category = '10%' and", "bad-condition", "no complete comparison"),
        ("product__category = 'x'; drop table x", "bad-condition", "more than a comparison"),
        ("product__category = $1", "bad-condition", "more than a comparison"),
        ('product__category = "Bikes"', "unknown-name", "single quotes: 'Bikes'"),
        ("product__category = Bikes", "unknown-name", "single quotes: 'Bikes'"),
        ("product__categry = 'Bikes'", "unknown-name", "Did you mean 'product__category'"),
        ("类 = 'Bikes'", "unknown-name", "类别"),
        ("month >= '2026-01-01'", "unknown-name", "Did you mean 'metric_time__month'?"),
        ("metric_time__mnth >= '2026-01-01'", "unknown-name", "Did you mean 'metric_time__month'"),
        ("net_salse > 5", "unknown-name", "Did you mean 'net_sales'?"),
        ("净销售 > 5", "unknown-name", "Did you mean '净销售额'?"),
        ('"Net slaes" > 5', "unknown-name", "Did you mean 'Net sales'?"),
        ("Net sales > 5", "bad-condition", 'stands in double quotes: "Net sales"'),
        ("net_sales", "bad-condition", "with nothing"),
        (
            "ordrs > 5",
            "unknown-name",
            "Did you mean 'orders' or 'orders_ever'? A metric is compared only where it is asked for",
        ),
        ("orders > 5", "not-asked-for", "plumb query net_sales orders --where 'orders > 5'"),
        ("订单数 > 5", "not-asked-for", "the metric '订单数' (orders), which is not asked for"),
        ("net_sales > 5 and product__category = 'Bikes'", "mixed-condition", "Give each its own --where"),
        ("net_sales > 'much'", "bad-condition", "net_sales > 'much'"),
        ("metric_time > '2026-13-01'", "bad-condition", "2026-13-01"),
        ("lead__channel = 'x'", "unreachable-dimension", "cannot be limited by 'lead__channel'"),
    ],
)
def test_a_condition_that_cannot_be_is_refused_as_it_was_written(published, condition, code, hint):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["net_sales"], by=["product__category"], where=[condition])
    assert caught.value.code == code
    assert hint in str(caught.value)
    assert "{{" not in str(caught.value).replace("{{ Dimension('product__category') }}", "")
    assert "__reference" not in str(caught.value)


def test_a_member_that_does_not_exist_is_told_with_the_closest(published):
    assert told(published, "net_sales", where=("product__category = 'Bikess'",)) == [
        "product__category has no member 'Bikess'. Did you mean 'Bikes'?"
    ]
    assert told(published, "net_sales", where=("类别 in ('Bikes', 'Helmet')",)) == [
        "product__category has no member 'Helmet'. Did you mean 'Helmets'?"
    ]
    assert told(published, "net_sales", where=("product__category = 'Bikes'",)) == []


@pytest.mark.parametrize(
    "condition",
    [
        "product__category != 'Bikes'",
        "product__category not in ('Bikes')",
        "not product__category = 'Bikes'",
        "product__category not like 'B%' and product__category != 'Bikes'",
    ],
)
def test_rows_without_a_name_that_a_condition_leaves_out_are_told(published, condition):
    note = "rows without product__category are left out (net_sales 9.50); to keep them, write"
    assert told(published, "net_sales", where=(condition,)) == [f'{note} "... or product__category is null"']
    table = query(published.home, ["net_sales"], where=[f"({condition}) or product__category is null"])
    assert table.column("net_sales").to_pylist() == [Decimal(100)]


@pytest.mark.parametrize(("sign", "instead"), [("=", "is null"), ("!=", "is not null")])
def test_a_comparison_with_null_says_what_to_write(published, sign, instead):
    (note, *others) = told(published, "net_sales", where=(f"product__category {sign} NULL",))
    assert f'write "product__category {instead}"' in note
    assert not others


def test_nothing_is_told_where_no_row_lacks_a_name(published):
    assert told(published, "orders", where=("order__channel != 'online'",)) == []


@pytest.mark.parametrize(
    ("span", "note"),
    [
        ({"start": "2030"}, "the range begins on 2030-01-01, after 2026-02-28, the as-of date"),
        ({"start": "2026-02", "end": "2026-03"}, "the data end on 2026-02-28, the as-of date"),
        ({"end": "2001"}, "the range ends on 2001-12-31, before 2025-01-01, the first day with data"),
        ({"start": "2025-06", "end": "2025-06"}, "no rows of net_sales meet the question"),
    ],
)
def test_a_range_without_data_says_why(published, span, note):
    notes = told(published, "net_sales", **span)
    assert len(notes) == 1
    assert note in notes[0]


def test_a_word_of_the_question_stands_in_its_errors(published):
    with pytest.raises(DefinitionError) as caught:
        query(published.home, ["订单数"], by=["类别"])
    assert caught.value.what == "metric '订单数' (orders) cannot be split by '类别' (product__category)"
    assert "渠道 (order__channel)" in caught.value.todo


def test_a_metric_without_a_value_is_named_beside_one_that_has_one(published):
    notes = told(published, "sales_so_far", "订单数", start="2025-06", end="2025-06")
    assert notes == ["no rows of 订单数 meet the question: no value, which is not zero"]


def test_a_condition_on_the_members_of_a_dimension_compares_no_metric(published):
    with (
        Company(published.home, open_generation(published.home)) as company,
        pytest.raises(DefinitionError) as caught,
    ):
        company.values("product__category", where="orders > 5")
    assert caught.value.code == "not-asked-for"
    assert "members have no figures" in caught.value.todo
