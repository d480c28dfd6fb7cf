"""What MetricFlow aggregates, and what is worked out around it."""

from pathlib import Path

import pytest

from plumbline.compiler.plan import Formula, Node, Plan, Ratio, Series, plan
from plumbline.compiler.request import read_request
from plumbline.definitions import load


@pytest.fixture
def planned(manifest: Path):  # type: ignore[no-untyped-def]
    definitions = load(manifest)

    def run(metrics: str, by: str = "metric_time__month", **query: object) -> Plan:
        asked = {"metrics": metrics.split(), "group_by": by.split(), **query}
        return plan(definitions, read_request(definitions, asked))

    return run


def kind(node: Node) -> str:
    if not isinstance(node, Series):
        return type(node).__name__.lower()
    parts = {"accumulated": node.accumulated, "converted": node.converted, "shifted": bool(node.shift)}
    return " ".join(name for name, there in parts.items() if there) or "whole"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("sales", "whole"),
        ("order_value", "ratio"),
        ("profit", "formula"),
        ("margin", "ratio"),
        ("sales_growth", "formula"),
        ("sales_to_date", "accumulated"),
        ("recent_customers", "accumulated"),
        ("came_back", "converted"),
    ],
)
def test_each_kind_of_metric_is_split(planned, metric: str, expected: str) -> None:  # type: ignore[no-untyped-def]
    assert kind(planned(metric).outputs[metric]) == expected


@pytest.mark.parametrize("metric", ["sales_growth", "sales_to_date"])
def test_a_time_filter_in_words_leaves_looking_back_to_metricflow(planned, metric: str) -> None:  # type: ignore[no-untyped-def]
    filtered = planned(metric, where=["{{ TimeDimension('metric_time', 'day') }} > DATE '2024-02-01'"])
    assert filtered.outputs[metric] == Series(metric)


def test_a_ratio_without_time_needs_no_periods(planned) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(planned("margin", by="").outputs["margin"], Ratio)


def test_shared_inputs_are_aggregated_once(planned) -> None:  # type: ignore[no-untyped-def]
    both = planned("margin order_value sales")
    assert [series.metric for series in both.series] == ["sales", "costs", "orders"]


def test_plain_metrics_are_metricflows_alone(planned) -> None:  # type: ignore[no-untyped-def]
    assert planned("sales orders").trivial
    assert not planned("margin").trivial


def test_a_derived_metric_keeps_its_inputs_by_name(planned) -> None:  # type: ignore[no-untyped-def]
    node = planned("sales_growth").outputs["sales_growth"]
    assert isinstance(node, Formula)
    assert [name for name, _ in node.inputs] == ["sales", "sales_before"]
