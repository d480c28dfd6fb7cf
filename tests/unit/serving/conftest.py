"""A published shop of six order lines, answered through the real compiler."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.project import Home
from plumbline.publication import Publication, RunFacts, publish
from tests.unit.definitions import shop as definitions

MANIFEST = Path(__file__).with_name("shop_manifest.json")

TABLES = """
CREATE SCHEMA marts; CREATE SCHEMA candidates;
CREATE TABLE marts.order_lines (order_line_id INT, order_id INT, product_id INT, order_date DATE,
    net_amount DECIMAL(18, 6));
INSERT INTO marts.order_lines VALUES
    (1, 1, 1, '2025-01-10', 100.000001), (2, 1, 2, '2025-01-10', 50), (3, 2, 1, '2025-02-28', 30),
    (4, 3, 1, '2026-01-05', 200), (5, 4, 2, '2026-02-14', 40.5), (6, 5, NULL, '2026-02-20', 9.5);
CREATE TABLE marts.orders (order_id INT, order_date DATE, channel VARCHAR);
INSERT INTO marts.orders VALUES (1, '2025-01-10', 'online'), (2, '2025-02-28', 'store'),
    (3, '2026-01-05', 'online'), (4, '2026-02-14', 'store'), (5, '2026-02-20', 'online');
CREATE TABLE marts.products (product_id INT, name VARCHAR, category VARCHAR);
INSERT INTO marts.products VALUES (1, 'Road bike', 'Bikes'), (2, '头盔', 'Helmets');
CREATE TABLE marts.leads (lead_id INT, created_date DATE, channel VARCHAR);
CREATE TABLE marts.time_spine_daily AS
    SELECT unnest(generate_series(DATE '2025-01-01', DATE '2026-02-28', INTERVAL 1 DAY))::DATE AS date_day;
CREATE TABLE candidates.indicator (name VARCHAR, label VARCHAR, label_zh VARCHAR, domain VARCHAR,
    unit VARCHAR, available BOOLEAN, unavailable_reason VARCHAR);
INSERT INTO candidates.indicator VALUES
    ('net_sales', 'Net sales', '净销售额', 'sales', 'currency', true, NULL),
    ('orders', 'Orders', '订单数', 'sales', 'count', true, NULL),
    ('average_order_value', 'Average order value', '客单价', 'sales', 'currency', true, NULL),
    ('leads', 'Leads', '线索数', 'marketing', 'count', false, 'no extract of crm.lead');
CREATE TABLE candidates.sales_monthly AS SELECT DATE '2025-01-01' AS metric_time__month, 150.1 AS net_sales;
"""


def manifest() -> dict[str, Any]:
    """The shop's definitions, with metrics that have periods of their own."""
    content: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    a_month_ago = definitions.offset("net_sales", "before", 1, "month")
    growth: dict[str, Any] = {
        "expr": "net_sales - before",
        "metrics": [{"name": "net_sales"}, a_month_ago],
        "told": definitions.meta(label_zh="环比", grains=["month"]),
    }
    content["metrics"] += [
        _cumulative("sales_so_far", None),
        _cumulative("sales_this_year", "year"),
        definitions.metric("monthly_growth", "derived", **growth),
        definitions.metric("invoiced", "conversion", conversion_type_params=_followed(30)),
        definitions.metric("orders_ever", measure="order_count", told=definitions.meta(grains=["all"])),
    ]
    return content


def _cumulative(name: str, since: str | None) -> dict[str, Any]:
    params = definitions.cumulative(since)
    return definitions.metric(name, "cumulative", measure="net_amount", cumulative_type_params=params)


def _followed(days: int) -> dict[str, Any]:
    """Orders that have lines, counted from the day of the order on."""
    return {
        "base_measure": {"name": "order_count"},
        "conversion_measure": {"name": "net_amount", "fill_nulls_with": 0},
        "entity": "order",
        "calculation": "conversion_rate",
        "window": {"count": days, "granularity": "day"},
        "constant_properties": None,
    }


class Shop:
    """The company's home with a private warehouse, and what publishes it."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root / "demo")
        self.home.target.mkdir(parents=True)
        definitions.write(self.home.semantic_manifest, manifest())
        self.change(TABLES)

    def change(self, sql: str) -> None:
        """Change the private warehouse."""
        with duckdb.connect(str(self.home.warehouse)) as con:
            con.execute(sql)

    def publish(self, large_rows: int = 1000) -> Publication:
        """Publish the warehouse as it is; above `large_rows` marts become parts."""
        run = RunFacts("demo", "run-1", date(2026, 2, 28))
        with duckdb.connect(str(self.home.warehouse)) as con:
            return publish(con, self.home, run=run, large_rows=large_rows)

    def sql(self, text: str) -> list[tuple[object, ...]]:
        """Answer with hand-written SQL: the oracle."""
        with duckdb.connect(str(self.home.warehouse), read_only=True) as con:
            return con.execute(text).fetchall()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that is published once; tests only read it."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.publish()
    return shop


@pytest.fixture
def begun(shop: Shop) -> Shop:
    """A shop whose data begin on 10 January 2025, as the run that built it found out."""
    shop.change("""
        CREATE TABLE candidates.coverage (mart VARCHAR, time_column VARCHAR, data_from DATE);
        INSERT INTO candidates.coverage VALUES ('order_lines', 'order_date', DATE '2025-01-10')""")
    shop.publish()
    return shop
