"""Which relations answer a question, and what shares a pass over the rows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.compiler.graph import Graph
from plumbline.compiler.plan import Cell, Events, Fill, Formula, Node, Plan, Ratio, Running, Scan, Spread
from plumbline.compiler.planner import plan
from plumbline.compiler.request import read_request
from plumbline.definitions import load
from plumbline.errors import DefinitionError

Planned = Callable[..., Plan]


@pytest.fixture
def planned(manifest: Path) -> Planned:
    definitions = load(manifest)

    def run(metrics: str, by: str = "metric_time__month", **query: object) -> Plan:
        asked = {"metrics": metrics.split(), "group_by": by.split(), **query}
        return plan(definitions, Graph(definitions), read_request(definitions, asked), "duckdb")

    return run


def kind(node: Node) -> str:
    return type(node.relation if isinstance(node, Cell) else node).__name__


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("sales", Scan),
        ("order_value", Ratio),
        ("profit", Formula),
        ("margin", Ratio),
        ("sales_growth", Formula),
        ("sales_to_date", Running),
        ("recent_customers", Running),
        ("came_back", Ratio),
    ],
)
def test_each_kind_of_metric_has_its_relation(planned: Planned, metric: str, expected: type) -> None:
    assert kind(planned(metric).outputs[metric]) == expected.__name__


def test_a_conversion_counts_what_followed_beside_all_events(planned: Planned) -> None:
    relations = [type(item) for item in planned("came_back").relations]
    assert relations == [Events, Scan]


def test_metrics_of_one_model_share_one_pass(planned: Planned) -> None:
    assert len(planned("sales orders order_value profit margin customers").relations) == 1


def test_a_filtered_metric_shares_the_pass_of_the_others(planned: Planned) -> None:
    assert len(planned("sales first_orders").relations) == 1


def test_a_shift_looks_at_the_rows_that_are_there_already(planned: Planned) -> None:
    scan, shifted = planned("sales_growth").relations
    assert isinstance(shifted, Spread)
    assert shifted.source == scan


def test_a_filter_on_time_leaves_the_shifted_rows_whole(planned: Planned) -> None:
    where = ["{{ TimeDimension('metric_time', 'day') }} > DATE '2024-02-01'"]
    filtered = planned("sales_growth", where=where)
    (shifted,) = (item for item in filtered.relations if isinstance(item, Spread))
    assert isinstance(shifted.source, Scan)
    assert shifted.source.range == ("2023-02-01T00:00:00", "")
    assert not shifted.source.conditions
    assert [item.only_time for item in shifted.conditions] == [True]


def test_a_conversion_fills_what_nothing_followed(planned: Planned) -> None:
    ratio = planned("came_back").outputs["came_back"]
    assert isinstance(ratio, Ratio)
    assert isinstance(ratio.numerator, Fill)


def test_a_derived_metric_keeps_its_inputs_by_name(planned: Planned) -> None:
    node = planned("sales_growth").outputs["sales_growth"]
    assert isinstance(node, Formula)
    assert [name for name, _ in node.inputs] == ["sales", "sales_before"]


@pytest.mark.parametrize("metric", ["sales_growth", "sales_to_date"])
def test_comparing_periods_needs_one(planned: Planned, metric: str) -> None:
    with pytest.raises(DefinitionError, match="compares periods"):
        planned(metric, by="")
