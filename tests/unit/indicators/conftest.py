"""The shop's warehouse with orders of two years, and what builds candidates from it."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.indicators import Candidates, build_candidates
from plumbline.project import Home, Project
from tests.unit.compiler.conftest import ROWS
from tests.unit.definitions import shop

LANDED = {"erp.sales_order_header", "erp.stock"}
AS_OF = date(2025, 3, 10)
# A second thread has nothing to do with so few rows.
SMALL = {"threads": 1}


class Builder:
    """Build candidates in a warehouse in memory and read them."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home) -> None:
        self.con, self.home = con, home

    def __call__(
        self, landed: set[str] | None = None, as_of: date | None = AS_OF, **options: Any
    ) -> Candidates:
        project = Project(self.home.root)
        chosen = LANDED if landed is None else landed
        return build_candidates(self.con, project, self.home, as_of=as_of, landed=chosen, **options)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.con.execute(sql).fetchall()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Builder]:
    home = Home(tmp_path / "home")
    shop.write(home.semantic_manifest)
    con = duckdb.connect(config=SMALL)
    con.execute("ATTACH ':memory:' AS warehouse; USE warehouse;" + shop.MARTS + ROWS)
    yield Builder(con, home)
    con.close()


def saved(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Keep a warehouse in memory as a file."""
    con.execute(f"ATTACH '{path}' AS kept; COPY FROM DATABASE warehouse TO kept; DETACH kept")


def restored(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Put what was kept in place of the warehouse in memory."""
    con.execute("USE memory; DETACH warehouse; ATTACH ':memory:' AS warehouse; USE warehouse")
    con.execute(f"ATTACH '{path}' AS kept (READ_ONLY); COPY FROM DATABASE kept TO warehouse; DETACH kept")


@pytest.fixture(scope="session")
def first_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the home and the warehouse of the shop after its first build; not to be changed."""
    place = tmp_path_factory.mktemp("first_build")
    home = Home(place / "home")
    shop.write(home.semantic_manifest)
    with duckdb.connect(config=SMALL) as con:
        con.execute("ATTACH ':memory:' AS warehouse; USE warehouse;" + shop.MARTS + ROWS)
        Builder(con, home)()
        saved(con, place / "warehouse.duckdb")
    return place


@pytest.fixture
def built(build: Builder, first_build: Path) -> None:
    """The first build is done."""
    shutil.copytree(first_build / "home", build.home.root, dirs_exist_ok=True)
    restored(build.con, first_build / "warehouse.duckdb")
