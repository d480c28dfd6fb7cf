"""Metrics are found by words and whole questions, in English and Chinese."""

import pytest

from plumbline.definitions import Location, Metric
from plumbline.definitions.model import Governance
from plumbline.serving.search import search


def metric(name, label, label_zh, synonyms=(), synonyms_zh=(), description="", component=False):
    told = Governance(label_zh=label_zh, synonyms=synonyms, synonyms_zh=synonyms_zh, component=component)
    return Metric(name, label, description, "simple", told, Location("", 0))


METRICS = (
    metric("net_sales", "Net sales", "净销售额", ("sales", "turnover"), ("销售额",), "Charged for goods."),
    metric("net_sales_yoy", "Net sales year on year", "净销售额同比"),
    metric("gross_margin_rate", "Gross margin rate", "毛利率", ("margin rate",)),
    metric("gross_profit", "Gross profit", "毛利", ("gross margin",)),
    metric("supplier_on_time_rate", "Supplier on-time rate", "供应商准时率"),
    metric("approval_hours", "Approval time", "平均审批时长", description="From request to decision."),
    metric("margin_part", "Margin part", "毛利部分", component=True),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net_sales", "net_sales"),
        ("NET  SALES", "net_sales"),
        ("turnover", "net_sales"),
        ("what was our net sales last month?", "net_sales"),
        ("net sales year on year", "net_sales_yoy"),
        ("gross margin", "gross_profit"),
        ("gros margin rate", "gross_margin_rate"),
        ("上月华东毛利率同比", "gross_margin_rate"),
        ("毛利", "gross_profit"),
        ("本月净销售额是多少", "net_sales"),
        ("供应商", "supplier_on_time_rate"),
        ("on time suppliers", "supplier_on_time_rate"),
        ("审批要多久", "approval_hours"),
    ],
)
def test_the_metric_that_is_meant_comes_first(text, expected):
    assert search(METRICS, text)[0].metric.name == expected


@pytest.mark.parametrize("text", ["", "zzz", "？！", "the of and"])
def test_words_that_say_nothing_find_nothing(text):
    assert search(METRICS, text) == []


def test_a_name_in_full_fits_best_and_says_which_it_was():
    found = search(METRICS, "销售额")[0]
    assert (found.metric.name, found.called) == ("net_sales", "销售额")
    assert found.score >= 1


def test_what_only_the_description_says_is_found_last():
    assert [item.metric.name for item in search(METRICS, "charged")] == ["net_sales"]
    assert search(METRICS, "charged")[0].score < 0.2
