"""What adds up day by day, what is a level, and what only the end of the period tells."""

from pathlib import Path

import pytest

from plumbline.definitions import load
from plumbline.governance import growth
from plumbline.governance.additivity import counted_over
from tests.unit.definitions import shop


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sales", "adds_up"),
        ("first_orders", "adds_up"),
        ("profit", "adds_up"),
        ("customers", "at_end"),
        ("sales_to_date", "at_end"),
        ("recent_sales", "level"),
        ("stock", "level"),
        ("margin", "level"),
        ("sales_growth", "level"),
        ("came_back", "level"),
        ("doubled", "level"),
        ("shown", "level"),
    ],
)
def test_how_a_metric_grows_within_a_period(tmp_path: Path, name: str, expected: str) -> None:
    content = shop.manifest()
    inputs = [{"name": "sales"}, {"name": "costs"}]
    content["metrics"] += [
        shop.metric("doubled", "derived", expr="2 * sales - costs", metrics=inputs),
        shop.metric("shown", "derived", expr="abs(sales - costs)", metrics=inputs),
    ]
    definitions = load(shop.write(tmp_path / "semantic_manifest.json", content))
    assert growth(definitions, definitions.metrics[name]) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sales", "period"),
        ("margin", "period"),
        ("sales_growth", "period"),
        ("came_back", "period"),
        ("sales_to_date", "year to date"),
        ("recent_sales", "28 days"),
        ("stock", "end of period"),
        ("sales_ever", "end of period"),
        ("stock_and_sales_ever", "end of period"),
        ("stock_by_sales", "period"),
        ("to_date_growth", "year to date"),
        ("grown_this_year", "year to date"),
    ],
)
def test_what_the_value_of_a_period_counts(tmp_path: Path, name: str, expected: str) -> None:
    content = shop.manifest()
    first = {"name": "sales_ever", "alias": "first", "offset_to_grain": "year"}
    before = shop.offset("sales_to_date", "before", 1, "year")
    content["metrics"] += [
        shop.metric("sales_ever", "cumulative", measure="amount", cumulative_type_params=shop.cumulative()),
        shop.metric("stock_and_sales_ever", "ratio", numerator="stock", denominator="sales_ever"),
        shop.metric("stock_by_sales", "ratio", numerator="stock", denominator="sales"),
        shop.metric("to_date_growth", "derived", metrics=[{"name": "sales_to_date"}, before]),
        shop.metric("grown_this_year", "derived", metrics=[{"name": "sales_ever"}, first]),
    ]
    definitions = load(shop.write(tmp_path / "semantic_manifest.json", content))
    assert counted_over(definitions, definitions.metrics[name]) == expected
