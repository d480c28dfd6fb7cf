"""A source that is not connected makes its metrics not available, and says why."""

from pathlib import Path

import duckdb
import pytest

from plumbline.definitions import Definitions, load
from plumbline.indicators import judge, landed_tables
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


def test_only_current_loads_count() -> None:
    con = duckdb.connect()
    con.execute("""
        CREATE SCHEMA landing_run;
        CREATE TABLE landing_run.loads (system VARCHAR, table_name VARCHAR, is_current BOOLEAN);
        INSERT INTO landing_run.loads
          VALUES ('erp', 'stock', true), ('erp', 'stock', false), ('crm', 'lead', false)""")
    assert landed_tables(con) == {"erp.stock"}
