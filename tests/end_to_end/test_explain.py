"""Explained figures of the built-in company, against SQL written by hand over what landed."""

import json
from decimal import Decimal

import duckdb
import pytest

from tests.end_to_end.conftest import plumb

# The newest version of each order and line, read from the text that arrived; no model has a part in it.
LANDED = """
WITH orders AS (
    SELECT SalesOrderID, try_cast(OrderDate AS TIMESTAMP)::DATE AS order_date, OnlineOrderFlag
    FROM read_parquet('{landing}/erp/sales_order_header/load=*/data.parquet', hive_partitioning = true)
    QUALIFY row_number() OVER (
        PARTITION BY SalesOrderID ORDER BY ModifiedDate DESC, load DESC, _row_number DESC) = 1
),
lines AS (
    SELECT SalesOrderID, LineTotal::DECIMAL(38, 12) AS amount
    FROM read_parquet('{landing}/erp/sales_order_detail/load=*/data.parquet', hive_partitioning = true)
    QUALIFY row_number() OVER (
        PARTITION BY SalesOrderDetailID ORDER BY ModifiedDate DESC, load DESC, _row_number DESC) = 1
)
SELECT sum(amount) FROM lines INNER JOIN orders USING (SalesOrderID)
WHERE order_date BETWEEN '{start}' AND '{end}' AND {condition}
"""


def explained(home, *arguments):
    done = plumb("audit", "explain", *arguments, "--format", "json", home=home.root.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def landed(home, figure, condition="true"):
    start, end = figure["period_start"], figure["period_end"]
    sql = LANDED.format(landing=home.landing, start=start, end=end, condition=condition)
    return duckdb.execute(sql).fetchone()[0]


@pytest.mark.parametrize(
    ("arguments", "condition"),
    [
        ([], "true"),
        (["--grain", "quarter"], "true"),
        (["--by", "order__channel=online"], "OnlineOrderFlag = '1'"),
    ],
)
def test_a_figure_is_what_the_landed_rows_add_up_to(demo_home, arguments, condition):
    told = explained(demo_home, "net_sales", *arguments)
    assert Decimal(told["figure"]["value"]) == landed(demo_home, told["figure"], condition)
    assert told["calculation"]["agrees"]
    assert told["proven"]["whole"]


def test_lineage_ends_with_the_extracts_that_were_added_up(demo_home):
    told = explained(demo_home, "净销售额")
    assert {"sales_order_header", "sales_order_detail"} <= {
        load["table"] for load in told["origin"]["extracts"]
    }
    assert all(load["recorded"] for load in told["origin"]["extracts"])
    assert told["origin"]["checks_by_verdict"]["passed"] > 20


def test_a_page_and_a_report_can_be_written(demo_home, tmp_path):
    home = demo_home.root.parent
    for arguments in (["explain", "gross_margin_rate"], ["report"]):
        page = tmp_path / f"{arguments[0]}.html"
        done = plumb("audit", *arguments, "--format", "html", "--output", page, home=home)
        assert done.returncode == 0, done.stderr
        assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
