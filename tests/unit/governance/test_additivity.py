"""What adds up day by day, what is a level, and what only the end of the period tells."""

from pathlib import Path

import pytest

from plumbline.definitions import load
from plumbline.governance import growth
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
