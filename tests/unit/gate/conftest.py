"""The shop with a first publication, and then a day on which something is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.definitions import Definitions, load
from plumbline.gate import Cell, Dating, Decision, Previous, cells_of, decide, doubts, hold
from plumbline.indicators.questions import all_questions
from plumbline.lineage import Mark, Part
from plumbline.project import Home
from plumbline.publication import RunFacts, current_publication, publish
from plumbline.quality import CheckResult
from tests.unit.compiler.conftest import ROWS
from tests.unit.definitions import shop
from tests.unit.indicators.conftest import AS_OF, SMALL, Builder, restored, saved

MART_COLUMNS = [
    *((f"marts.{mart}", "") for mart in ("orders", "products", "stock")),
    *(("marts.orders", name) for name in ("order_id", "order_date", "amount", "cost", "customer_id")),
    ("marts.products", "category"),
]
NEXT_DAY = datetime(2025, 3, 11, 6)

# By hand: what each metric of the shop rests on.
RESTS_ON = {
    "sales": {"amount"},
    "costs": {"cost"},
    "profit": {"amount", "cost"},
    "margin": {"amount", "cost"},
    "order_value": {"amount"},
    "sales_growth": {"amount"},
    "sales_to_date": {"amount"},
    "recent_sales": {"amount"},
}


class ByHand:
    """Says by hand what columns of marts.orders change."""

    def affected(self, parts: Collection[Part], cells: Iterable[Cell]) -> set[Cell]:
        return {cell for cell in cells for part in parts if self._changes(part, cell)}

    def _changes(self, part: Part, cell: Cell) -> bool:
        table, column = part.table, part.column
        if table == "marts.products":
            return "product__category" in cell.dimensions
        if table != "marts.orders":
            return False
        return not column or column in RESTS_ON.get(cell.metric, set())

    def harmed(self, parts: Collection[Part]) -> set[Part]:
        return set(parts)

    def spoiled_with(self, table: str, columns: Collection[str]) -> Collection[str]:
        return columns

    def over_rows(self, table: str, columns: Collection[str]) -> Collection[str]:
        return ()

    def direct(self, metric: str, dimensions: Sequence[str] = (), where: Sequence[str] = ()) -> set[Mark]:
        products = {Mark("marts.products", "category")} if "product__category" in dimensions else set()
        return {Mark("marts.orders", column) for column in RESTS_ON.get(metric, ())} | products


def failed(table: str = "marts.orders", column: str = "cost", **changes: Any) -> CheckResult:
    """A critical check that failed on a column; '' for the rows of the table."""
    given: dict[str, Any] = {
        "stage": "marts",
        "table": table,
        "column": column,
        "expectation": "ExpectColumnValuesToNotBeNull",
        "severity": "critical",
        "quality_dimension": "completeness",
        "owner": "Finance: controller",
        "verdict": "failed",
        "evaluated": 12,
        "unexpected": 2,
        "examples": ({"order_id": 11},),
        "expected": f"{column} is never empty",
        "message": "2 of 12 rows break it",
        "todo": "Have them entered.",
        "touches": ((table, column),),
    }
    return CheckResult(**given | changes)


class Company:
    """Builds candidates, lets the gate rule on them, and publishes."""

    def __init__(self, build: Builder, root: Path) -> None:
        self.build, self.con, self.home = build, build.con, Home(root / "published-home")

    @property
    def definitions(self) -> Definitions:
        return load(self.build.home.semantic_manifest)

    def decide(self, *checks: CheckResult, **options: Any) -> Decision:
        cells = cells_of(all_questions(self.definitions))
        return decide(checks, cells, ByHand(), self.definitions, **{"dates": self.dating, **options})

    @property
    def dating(self) -> Dating:
        return Dating(self.con, self.definitions, ByHand())

    def day(self, *checks: CheckResult, as_of: date = AS_OF, now: datetime = NEXT_DAY) -> list[Any]:
        """Build, rule, hold and publish; gives the holds."""
        self.build(as_of=as_of)
        current = current_publication(self.home)
        holding = hold(
            self.con,
            self.definitions,
            self.decide(*checks),
            doubtful=doubts(checks, ByHand(), MART_COLUMNS, self.dating),
            previous=Previous(current.path, current.publication_id) if current else None,
            as_of=as_of,
            now=now,
        )
        holds = list(holding.holds)
        self.released = holding.released
        self.publish(RunFacts("shop", "run", as_of, verdict="partly_held" if holds else "certified"))
        return holds

    def publish(self, run: RunFacts) -> None:
        publish(self.con, self.home, run=run, manifest=self.build.home.semantic_manifest)

    def resume(self, place: Path) -> Company:
        """Become the shop that is kept in a directory."""
        shutil.copytree(place / "home", self.build.home.root, dirs_exist_ok=True)
        shutil.copytree(place / "published-home", self.home.root, symlinks=True)
        restored(self.con, place / "warehouse.duckdb")
        return self

    def published(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home.current.resolve()), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@contextmanager
def company_in(root: Path) -> Iterator[Company]:
    """A shop that has published nothing yet."""
    home = Home(root / "home")
    shop.write(home.semantic_manifest)
    with duckdb.connect(config=SMALL) as con:
        con.execute("ATTACH ':memory:' AS warehouse; USE warehouse;" + shop.MARTS + ROWS)
        yield Company(Builder(con, home), root)


def kept_after(begin: Callable[[Company], object], place: Path) -> Path:
    """Let a shop begin, and give the directory in which it is kept; not to be changed."""
    with company_in(place) as company:
        begin(company)
        saved(company.con, place / "warehouse.duckdb")
    return place


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with company_in(tmp_path) as company:
        yield company


@pytest.fixture(scope="session")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop after a good day."""
    return kept_after(lambda company: company.day(as_of=date(2025, 3, 1)), tmp_path_factory.mktemp("shop"))


@pytest.fixture
def begun(company: Company, first_day: Path) -> Company:
    """The shop after a good day."""
    return company.resume(first_day)


@pytest.fixture
def poison(begun: Company) -> Callable[[], None]:
    """Publish a good day; then costs of an old order and of a new one are lost, and an order comes late."""

    def spoil() -> None:
        begun.con.execute("UPDATE marts.orders SET cost = 1000 WHERE order_id IN (1, 9)")
        begun.con.execute("INSERT INTO marts.orders VALUES (13, DATE '2025-02-03', 1, 1, 30, 5, 5)")

    return spoil
