"""Definitions are loaded from what dbt writes and from what people wrote."""

from pathlib import Path

import pytest

from plumbline.definitions import GroupBy, Location, Window, load, loaded, parse_group_by
from plumbline.errors import DefinitionError
from tests.unit.definitions import shop

YAML = """\
metrics:
  - name: sales
    label: Sales
    type: simple
    type_params:
      metrics:
        - name: orders

  - {name: orders, type: simple}

saved_queries:
  - name: sales_monthly
    query_params: {}
    config:
      meta: {label_zh: 月度销售, domain: sales, grain: month}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return shop.write(tmp_path / "target" / "semantic_manifest.json")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "sales.yml").write_text(YAML, encoding="utf-8")
    return tmp_path


def test_metrics_carry_type_inputs_and_governance(manifest: Path) -> None:
    loaded = load(manifest)
    assert loaded.metrics["sales"].governance.unit == "currency"
    assert loaded.metrics["order_value"].numerator == "sales"
    assert loaded.metrics["order_value"].denominator == "orders"
    assert loaded.metrics["recent_sales"].window == Window(28, "day")
    assert loaded.metrics["sales_to_date"].grain_to_date == "year"
    assert [item.plain for item in loaded.metrics["sales_growth"].inputs] == [True, False]
    assert loaded.metrics["stock"].governance.sources == ("erp.stock|erp.stock_count",)
    assert str(loaded.metrics["sales"].governance.owner) == "Sales · Head of sales"


def test_models_carry_entities_dimensions_and_measures(manifest: Path) -> None:
    loaded = load(manifest)
    assert loaded.models["orders"].primary_entity == "order"
    assert loaded.dimensions["product__category"].label_zh == "维度category"
    assert loaded.measure("stock_quantity").non_additive  # type: ignore[union-attr]
    assert loaded.model_of("amount").name == "orders"  # type: ignore[union-attr]
    assert loaded.entities == ("customer", "order", "product", "stock_line")
    assert [spine.relation for spine in loaded.time_spines] == ['"warehouse"."marts"."days"']


def test_definitions_know_their_file_and_line(manifest: Path, project: Path) -> None:
    loaded = load(manifest, project)
    assert loaded.metrics["sales"].location == Location("metrics/sales.yml", 2)
    assert str(loaded.metrics["orders"].location) == "metrics/sales.yml:9"
    assert loaded.saved_queries["sales_monthly"].location.line == 12


def test_saved_queries_take_their_meta_from_the_file(manifest: Path, project: Path) -> None:
    saved = load(manifest, project).saved_queries["sales_monthly"]
    assert (saved.label_zh, saved.domain, saved.grain) == ("月度销售", "sales", "month")
    assert saved.time == GroupBy("metric_time", "month")
    assert saved.dimensions == ()


def test_the_digest_follows_the_meaning_and_not_the_order(manifest: Path) -> None:
    first = load(manifest).digest
    turned = shop.manifest()
    turned["metrics"].reverse()
    assert load(shop.write(manifest, turned)).digest == first
    turned["metrics"][0]["label"] = "Another"
    assert load(shop.write(manifest, turned)).digest != first


def test_definitions_are_loaded_once_while_their_file_stays_as_it_is(manifest: Path) -> None:
    first = loaded(manifest)
    assert loaded(manifest) is first
    changed = shop.manifest()
    changed["metrics"].pop()
    assert loaded(shop.write(manifest, changed)).metrics.keys() < first.metrics.keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metric_time__month", GroupBy("metric_time", "month")),
        ("product__category", GroupBy("product__category")),
        ("customer", GroupBy("customer")),
        ("TimeDimension('metric_time', 'QUARTER')", GroupBy("metric_time", "quarter")),
        ('Dimension("product__category")', GroupBy("product__category")),
        ("Entity('customer')", GroupBy("customer")),
        ("TimeDimension('order__order_date__week')", GroupBy("order__order_date", "week")),
    ],
)
def test_group_bys_are_read_in_both_forms(text: str, expected: GroupBy) -> None:
    assert parse_group_by(text) == expected


def test_published_columns_read_well() -> None:
    assert GroupBy("metric_time", "month").published == "month"
    assert GroupBy("product__category").published == "product_category"
    assert GroupBy("metric_time", "month").column == "metric_time__month"


def test_a_missing_manifest_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no semantic manifest") as caught:
        load(tmp_path / "semantic_manifest.json")
    assert "dbt parse" in str(caught.value)
    assert caught.value.code == "no-manifest"
