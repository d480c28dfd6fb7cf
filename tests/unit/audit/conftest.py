"""The shop of the gate's tests with a ledger, a witness, and evidence beside its figures."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.audit.explain import Explanation, explain
from plumbline.audit.explain_figure import Asked
from plumbline.ledger import FileWitness, Ledger, Witnessing
from plumbline.lineage import RELATIONS
from plumbline.lineage.relations import Relation, write_relations
from plumbline.project import Home
from plumbline.publication import Publication, RunFacts, publish
from plumbline.publication.recording import metric_digests, publication_body
from plumbline.quality.results import StageResult, store
from tests.unit.compiler.conftest import ROWS
from tests.unit.definitions import shop
from tests.unit.gate.conftest import Company, failed
from tests.unit.indicators.conftest import SMALL, Builder

ORDERS = ("order_id", "order_date", "customer_id", "product_id", "amount", "cost", "number_of_customer")
RELATED = [
    Relation("landing_erp.sales_order_header", columns=("SalesOrderID", "OrderDate", "Amount", "Cost")),
    Relation(
        "marts.orders",
        "SELECT SalesOrderID AS order_id, OrderDate AS order_date, 1 AS customer_id, 1 AS product_id,"
        " Amount AS amount, Cost AS cost, 1 AS number_of_customer FROM landing_erp.sales_order_header",
    ),
    Relation("landing_erp.product", columns=("ProductID", "Category")),
    Relation(
        "marts.products", "SELECT ProductID AS product_id, Category AS category FROM landing_erp.product"
    ),
    Relation("marts.stock", columns=("product_id", "stock_date", "quantity")),
    Relation("marts.days", columns=("date_day",)),
]
EVIDENCE = """
CREATE SCHEMA landing_run; CREATE SCHEMA quarantine;
CREATE TABLE landing_run.loads (load BIGINT, system VARCHAR, table_name VARCHAR, source VARCHAR, mode VARCHAR,
    sha256 VARCHAR, rows BIGINT, is_current BOOLEAN, as_of DATE, landed_at TIMESTAMP, extract_rows BIGINT);
INSERT INTO landing_run.loads VALUES
    (1, 'erp', 'sales_order_header', 'orders.csv', 'snapshot', 'a1', 12, false, '2025-03-01', '2025-03-02',
        12),
    (2, 'erp', 'sales_order_header', 'orders.csv', 'snapshot', 'a2', 13, true, '2025-03-10', '2025-03-11',
        13),
    (3, 'erp', 'product', 'products.csv', 'snapshot', 'b3', 3, true, '2025-03-10', '2025-03-11', 3),
    (4, 'erp', 'stock', 'stock.csv', 'snapshot', 'c4', 5, true, '2025-03-10', '2025-03-11', 5);
CREATE TABLE quarantine.reconciliation (system VARCHAR, table_name VARCHAR, landed BIGINT, staged BIGINT,
    duplicates BIGINT, superseded BIGINT, quarantined BIGINT);
INSERT INTO quarantine.reconciliation VALUES ('erp', 'sales_order_header', 13, 10, 0, 0, 3),
    ('erp', 'product', 3, 3, 0, 0, 0), ('erp', 'stock', 5, 5, 0, 0, 0);
CREATE TABLE quarantine.rejected_rows (system VARCHAR, table_name VARCHAR, load BIGINT, row_number BIGINT,
    row_key VARCHAR, reason VARCHAR);
INSERT INTO quarantine.rejected_rows VALUES
    ('erp', 'sales_order_header', 2, 4, '4', 'order_date ''2025-02-30'' is not a date'),
    ('erp', 'sales_order_header', 2, 7, '7', 'order_date ''2025-13-01'' is not a date'),
    ('erp', 'sales_order_header', 2, 9, '9', 'orphan: no customer 12');
"""


class Audited(Company):
    """Publishes with a record in the ledger, which a witness sees, and explains its figures."""

    def __init__(self, build: Builder, root: Path) -> None:
        super().__init__(build, root)
        self.witness = root / "witness" / "shop.jsonl"
        self.witnessing = Witnessing(Ledger(self.home.ledger), (FileWitness("elsewhere", self.witness),))

    def publish(self, run: RunFacts) -> None:
        manifest = self.build.home.semantic_manifest
        publish(self.con, self.home, run=run, manifest=manifest, before_switch=self.record)

    def record(self, publication: Publication) -> None:
        metrics = metric_digests(self.build.home.semantic_manifest)
        body = publication_body(
            publication,
            self.home,
            metrics=metrics,
            quality=None,
            lock=Path("none"),
            inputs="",
            code="",
            operator="Li Na",
        )
        ledger = self.witnessing.ledger
        load = {"load": 2, "system": "erp", "table": "sales_order_header", "sha256": "a2", "rows": 13}
        ledger.append("load", load)
        ledger.append("definition", {"metric": "margin", "change": "new"})
        ledger.append("publication", body)
        self.witnessing.show()

    def checked(self, *checks: Any) -> None:
        """Keep results of the run beside the figures."""
        store(self.con, StageResult("marts", "run", checks))

    def tamper(self, sql: str, generation: int | None = None) -> None:
        """Change a published file."""
        path = (
            self.home.published / f"gen-{generation:06d}.duckdb"
            if generation
            else self.home.current.resolve()
        )
        with duckdb.connect(str(path)) as connection:
            connection.execute(sql)

    def explain(self, metric: str, period: str, **options: Any) -> Explanation:
        """Explain a figure; `by` and `grain` are part of the question."""
        asked = Asked(metric, period, tuple(options.pop("by", {}).items()), options.pop("grain", ""))
        return explain(self.home, self.witnessing, "shop", asked, **options)

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Ask the marts by hand."""
        return self.con.execute(text).fetchall()


@contextmanager
def shop_in(root: Path, begun: Path | None = None) -> Iterator[Audited]:
    """A shop with evidence, lineage and a ledger; nothing is published yet, or what another has begun."""
    home = Home(root / "home")
    if begun:
        shutil.copytree(begun, root, symlinks=True, dirs_exist_ok=True)
    else:
        shop.write(home.semantic_manifest)
    with duckdb.connect(str(root / "warehouse.duckdb"), config=SMALL) as con:
        audited = Audited(Builder(con, home), root)
        if not begun:
            con.execute(shop.MARTS + ROWS + EVIDENCE)
            shop.write(audited.home.semantic_manifest)
            write_relations(audited.home.target / RELATIONS, RELATED)
        yield audited


def kept_after(begin: Callable[[Audited], object], place: Path) -> Path:
    """Let a shop begin, and give its directory; not to be changed."""
    with shop_in(place) as audited:
        begin(audited)
    return place


def poison(company: Audited) -> None:
    """Publish a good day; then the costs of an old order are wrong, and are held."""
    company.day(as_of=date(2025, 3, 1))
    company.con.execute("UPDATE marts.orders SET cost = 1000 WHERE order_id IN (1, 9)")
    company.day(failed(column="cost"))


@pytest.fixture(scope="session")
def after_a_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_after(Audited.day, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def after_poison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_after(poison, tmp_path_factory.mktemp("shop"))


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Audited]:
    with shop_in(tmp_path) as audited:
        yield audited


@pytest.fixture
def changed(tmp_path: Path, after_a_day: Path) -> Iterator[Audited]:
    """The shop as of 10 March 2025, all certified, to be changed by the test."""
    with shop_in(tmp_path, after_a_day) as audited:
        yield audited


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, after_a_day: Path) -> Iterator[Audited]:
    """The same, only to be read."""
    with shop_in(tmp_path_factory.mktemp("shop"), after_a_day) as audited:
        yield audited


@pytest.fixture(scope="session")
def poisoned(tmp_path_factory: pytest.TempPathFactory, after_poison: Path) -> Iterator[Audited]:
    """A shop with figures that are held, only to be read."""
    with shop_in(tmp_path_factory.mktemp("shop"), after_poison) as audited:
        yield audited


@pytest.fixture
def mended(tmp_path: Path, after_poison: Path) -> Iterator[Audited]:
    """The same, with a third day on which the costs are right."""
    with shop_in(tmp_path, after_poison) as audited:
        audited.con.execute("UPDATE marts.orders SET cost = 61 WHERE order_id = 1")
        audited.day()
        yield audited
