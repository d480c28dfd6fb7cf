"""A source that is not connected makes its metrics not available, and says why."""

from pathlib import Path

import duckdb
import pytest

from plumbline.definitions import Definitions, load
from plumbline.indicators import judge, lacking_columns, landed_tables
from plumbline.indicators.availability import needed_sources
from tests.unit.definitions import shop


@pytest.fixture
def definitions(tmp_path: Path) -> Definitions:
    content = shop.manifest()
    content["metrics"].append(
        shop.metric(
            "turnover", "ratio", numerator="costs", denominator="stock", told=shop.meta(sources=["erp.cost"])
        )
    )
    return load(shop.write(tmp_path / "semantic_manifest.json", content))


def test_a_metric_without_its_extract_says_which_is_missing(definitions: Definitions) -> None:
    found = judge(definitions, {"erp.stock"})
    assert found.reason("sales") == "no extract of erp.sales_order_header"
    assert "sales" not in found
    assert "stock" in found


def test_either_of_two_extracts_is_enough(definitions: Definitions) -> None:
    assert "stock" in judge(definitions, {"erp.stock_count"})
    assert judge(definitions, set()).reason("stock") == "no extract of erp.stock or erp.stock_count"


def test_a_metric_needs_the_extracts_of_its_inputs(definitions: Definitions) -> None:
    assert needed_sources(definitions, "turnover") == (
        "erp.cost",
        "erp.sales_order_header",
        "erp.stock|erp.stock_count",
    )
    reason = judge(definitions, {"erp.cost", "erp.stock"}).reason("turnover")
    assert reason == "no extract of erp.sales_order_header"


def test_a_metric_needs_a_column_that_the_extract_may_lack(tmp_path: Path) -> None:
    content = shop.manifest()
    needs = ["erp.sales_order_detail.SpecialOfferID"]
    content["metrics"].append(shop.metric("promoted", measure="amount", told=shop.meta(sources=needs)))
    definitions = load(shop.write(tmp_path / "semantic_manifest.json", content))
    landed = {"erp.sales_order_detail"}
    lacking = judge(definitions, landed, {"erp.sales_order_detail.SpecialOfferID"})
    assert lacking.reason("promoted") == "erp.sales_order_detail has no column SpecialOfferID"
    assert "promoted" in judge(definitions, landed, {"erp.sales_order_detail.ModifiedDate"})
    assert judge(definitions, set()).reason("promoted") == "no extract of erp.sales_order_detail"


def test_an_extract_and_a_column_that_are_missing_are_both_told(tmp_path: Path) -> None:
    content = shop.manifest()
    needs = ["crm.lead", "erp.stock.Quantity", "erp.stock.Bin | erp.stock.Shelf"]
    content["metrics"].append(shop.metric("odd", measure="amount", told=shop.meta(sources=needs)))
    definitions = load(shop.write(tmp_path / "semantic_manifest.json", content))
    missing = {"erp.stock.Quantity", "erp.stock.Bin"}
    reason = judge(definitions, {"erp.stock"}, missing).reason("odd")
    assert reason == "no extract of crm.lead; erp.stock has no column Quantity"
    reason = judge(definitions, {"crm.lead", "erp.stock"}, {"erp.stock.Bin", "erp.stock.Shelf"}).reason("odd")
    assert reason == "erp.stock has no column Bin and erp.stock has no column Shelf"


def test_a_column_is_missing_when_no_current_load_has_it() -> None:
    con = duckdb.connect()
    con.execute("""
        CREATE SCHEMA landing_run;
        CREATE TABLE landing_run.loads (load BIGINT, system VARCHAR, table_name VARCHAR, is_current BOOLEAN);
        INSERT INTO landing_run.loads
          VALUES (1, 'erp', 'stock', false), (2, 'erp', 'stock', true), (3, 'erp', 'stock', true),
                 (4, 'crm', 'lead', true);
        CREATE TABLE landing_run.missing_columns
          (load BIGINT, system VARCHAR, table_name VARCHAR, column_name VARCHAR);
        INSERT INTO landing_run.missing_columns
          VALUES (1, 'erp', 'stock', 'Old'), (2, 'erp', 'stock', 'Bin'), (2, 'erp', 'stock', 'Shelf'),
                 (3, 'erp', 'stock', 'Bin'), (4, 'crm', 'lead', 'Channel')""")
    assert lacking_columns(con) == {"erp.stock.Bin", "crm.lead.Channel"}


def test_only_current_loads_count() -> None:
    con = duckdb.connect()
    con.execute("""
        CREATE SCHEMA landing_run;
        CREATE TABLE landing_run.loads (system VARCHAR, table_name VARCHAR, is_current BOOLEAN);
        INSERT INTO landing_run.loads
          VALUES ('erp', 'stock', true), ('erp', 'stock', false), ('crm', 'lead', false)""")
    assert landed_tables(con) == {"erp.stock"}
