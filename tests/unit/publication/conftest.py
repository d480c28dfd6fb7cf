"""A small warehouse as the pipeline leaves it: candidates, evidence and marts."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from plumbline.project import Home
from plumbline.publication import Publication, RunFacts, publish

MANIFEST = {
    "project_configuration": {"time_spines": []},
    "semantic_models": [
        {
            "name": "orders",
            "node_relation": {"relation_name": '"warehouse"."marts"."orders"'},
            "entities": [{"name": "order", "type": "primary"}],
            "dimensions": [
                {
                    "name": "channel",
                    "type": "categorical",
                    "label": "Channel",
                    "config": {"meta": {"label_zh": "渠道"}},
                },
            ],
        }
    ],
    "metrics": [
        {
            "name": "net_sales",
            "type": "simple",
            "type_params": {},
            "label": "Net sales",
            "description": "Sum of order lines\nafter discount.",
            "config": {"meta": {"label_zh": "净销售额", "unit": "CNY"}},
        }
    ],
    "saved_queries": [
        {
            "name": "sales_monthly",
            "label": "Sales by month",
            "description": "One row per month and channel.",
            "query_params": {"metrics": ["net_sales"], "group_by": ["metric_time__month", "order__channel"]},
        }
    ],
}

DBT_MANIFEST = {
    "nodes": {
        name: {
            "name": name,
            "schema": "marts",
            "resource_type": "model",
            "description": f"One row per {key.removesuffix('_id')}.",
            "config": {"meta": {"label": name.capitalize(), "label_zh": label_zh}},
            "columns": {key: {"name": key, "description": "Its number."}},
        }
        for name, key, label_zh in (
            ("order_lines", "order_line_id", "订单明细"),
            ("products", "product_id", "产品"),
        )
    },
    "saved_queries": {
        "saved_query.shop.sales_monthly": {
            "name": "sales_monthly",
            "config": {"meta": {"label_zh": "销售月报"}},
        }
    },
}


def fill(con: duckdb.DuckDBPyConnection, *, batch: int = 1, lines: int = 200) -> None:
    """Fill the warehouse with rows that all carry `batch`."""
    for schema in ("candidates", "quality", "quarantine", "landing_run", "marts"):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    con.execute(f"""
        CREATE OR REPLACE TABLE candidates.sales_monthly AS
        SELECT DATE '2026-01-01' + to_months(i::INTEGER) AS month,
               'c' || i % 3 AS order_channel, (i * {batch} + 0.25)::DECIMAL(18, 4) AS net_sales
        FROM range(12) r(i)""")
    con.execute(f"""
        CREATE OR REPLACE TABLE candidates.indicator_value AS
        SELECT 'net_sales' AS metric, 'month' AS grain, month::DATE AS period_start,
               net_sales AS value, NULL::VARCHAR AS verdict, {batch} AS batch
        FROM candidates.sales_monthly""")
    con.execute("""
        CREATE OR REPLACE TABLE candidates.indicator AS
        SELECT 'net_sales' AS name, 'Net sales' AS label, '净销售额' AS label_zh, true AS available""")
    con.execute("CREATE OR REPLACE TABLE quality.result AS SELECT 'not_null' AS expectation, true AS success")
    con.execute("""
        CREATE OR REPLACE TABLE quarantine.reconciliation AS
        SELECT 'erp' AS system, 10 AS landed, 9 AS staged, 1 AS duplicates, 0 AS quarantined""")
    con.execute("""
        CREATE OR REPLACE TABLE landing_run.loads AS
        SELECT 1::BIGINT AS load, 'erp' AS system, 'product' AS table_name, 'abc' AS sha256, 10 AS rows,
               'products.csv' AS source""")
    con.execute("""
        CREATE OR REPLACE TABLE quarantine.rejected_rows AS
        SELECT 'erp' AS system, 'product' AS table_name, 1::BIGINT AS load, i::BIGINT AS row_number,
               '7' AS row_key, 'Price is empty' AS reason
        FROM range(3) r(i)""")
    con.execute(f"""
        CREATE OR REPLACE TABLE marts.order_lines AS
        SELECT i AS order_line_id, DATE '2026-01-01' + (i % 90)::INTEGER AS order_date,
               {batch}::INTEGER AS batch, (i * 1.5)::DECIMAL(18, 4) AS net_amount
        FROM range({lines}) r(i)""")
    con.execute(f"CREATE OR REPLACE TABLE marts.products AS SELECT 1 AS product_id, {batch} AS batch")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "demo")
    home.target.mkdir(parents=True)
    home.semantic_manifest.write_text(json.dumps(MANIFEST, ensure_ascii=False), encoding="utf-8")
    return home


@pytest.fixture
def con(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    home.dbt_manifest.write_text(json.dumps(DBT_MANIFEST), encoding="utf-8")
    connection = duckdb.connect(str(home.warehouse))
    fill(connection)
    yield connection
    connection.close()


class Publisher:
    """Publish the warehouse; marts above 100 rows count as big."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home) -> None:
        self.con, self.home = con, home

    def __call__(self, **options: object) -> Publication:
        run = RunFacts("demo", "run-1", date(2026, 3, 31), code_commit="abc123")
        defaults = {"large_rows": 100, "now": datetime(2026, 4, 1, 6, tzinfo=UTC)}
        return publish(self.con, self.home, run=run, **{**defaults, **options})  # type: ignore[arg-type]

    def fill(self, **content: int) -> None:
        """Fill the warehouse anew."""
        fill(self.con, **content)

    def read(self, sql: str) -> list[tuple[object, ...]]:
        """Read the current generation as a BI tool does."""
        reader = duckdb.connect(str(self.home.current.resolve()), read_only=True)
        try:
            return reader.execute(sql).fetchall()
        finally:
            reader.close()


@pytest.fixture
def publisher(con: duckdb.DuckDBPyConnection, home: Home) -> Publisher:
    return Publisher(con, home)
