"""A mart that no YAML file describes is told before dbt meets it."""

import pytest

from plumbline.definitions import load
from plumbline.governance import lint
from tests.unit.definitions import shop

COLUMNS = {"order_id": {"data_type": "bigint"}, "order_date": {"data_type": "date"}}


@pytest.fixture
def told(tmp_path):
    """Give what is told of a project with the mart order_days, whose folder has a YAML file of that text."""

    def tell(yaml="", **node):
        folder = tmp_path / "models" / "marts" / "sales"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "days.yml").write_text(yaml, encoding="utf-8")
        mart = {
            "resource_type": "model",
            "name": "order_days",
            "original_file_path": "models/marts/sales/order_days.sql",
            "contract": {"enforced": True},
            "columns": {},
            "patch_path": "plumbline://models/marts/sales/days.yml",
        }
        manifest = {"sources": {}, "parent_map": {}, "nodes": {"model.p.order_days": {**mart, **node}}}
        definitions = load(shop.write(tmp_path / "s.json"), tmp_path)
        return [str(found) for found in lint(definitions, manifest) if found.code == "incomplete-model"]

    return tell


def test_a_mart_without_an_entry_is_told_with_what_to_write(told):
    assert told(patch_path=None) == [
        "models/marts/sales/order_days.sql:1: model 'order_days' has no entry in a YAML file,"
        " so nothing says what its columns are [incomplete-model]\n"
        "  Write models/marts/sales/order_days.yml: what the model is, its columns and their types."
    ]


def test_an_entry_of_nearly_that_name_is_told(told):
    yaml = "models:\n  - name: order_day\n    columns: []\n"
    [found] = told(yaml, patch_path=None)
    assert "The entry 'order_day' at models/marts/sales/days.yml:2 is for no model: mend its name." in found


@pytest.mark.parametrize(
    ("columns", "lacks"),
    [
        ({}, "an entry without `columns`"),
        ({**COLUMNS, "channel": {"data_type": None}}, "columns without `data_type`: channel"),
    ],
)
def test_an_entry_that_is_not_whole_is_told_with_its_line(told, columns, lacks):
    yaml = "version: 2\n\nmodels:\n  - name: order_days\n"
    [found] = told(yaml, columns=columns)
    assert found.startswith(f"models/marts/sales/days.yml:4: model 'order_days' has {lacks} [")


@pytest.mark.parametrize(
    "node", [{"columns": COLUMNS}, {"contract": {"enforced": False}, "patch_path": None}]
)
def test_a_whole_entry_and_a_model_without_a_contract_are_sound(told, node):
    assert told(**node) == []
