"""The project's own definitions over marts in memory, typed by their contracts."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.compiler import compile
from plumbline.definitions import Definitions, load
from plumbline.project import Home
from tests.companies import ROOT
from tests.postgres import running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(running(tmp_path_factory))
        except Exception as error:
            pytest.skip(f"no PostgreSQL server can be started here: {error}")
        yield address


@pytest.fixture(scope="session")
def target(parsed: Home) -> Path:
    """The directory of dbt's manifests of the project as it stands."""
    return parsed.target


@pytest.fixture(scope="session")
def definitions(target: Path) -> Definitions:
    return load(target / "semantic_manifest.json", ROOT)


@pytest.fixture(scope="session")
def contracts(target: Path) -> Mapping[str, Mapping[str, str]]:
    """The columns and types of every mart."""
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"].values()
    return {
        node["alias"]: {column["name"]: column["data_type"] for column in node["columns"].values()}
        for node in nodes
        if node["schema"] == "marts"
    }


class Company:
    """Marts to fill with a few rows, asked through the compiler and through SQL by hand."""

    def __init__(self, target: Path, contracts: Mapping[str, Mapping[str, str]]) -> None:
        self.manifest = target / "semantic_manifest.json"
        self.con = duckdb.connect()
        self.con.execute("ATTACH ':memory:' AS warehouse; USE warehouse; CREATE SCHEMA marts;")
        for name, columns in contracts.items():
            described = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            self.con.execute(f"CREATE TABLE marts.{name} ({described})")

    def days(self, first: str, last: str) -> None:
        """Fill the time spine."""
        span = "range(?::DATE, ?::DATE + INTERVAL 1 DAY, INTERVAL 1 DAY) r(d)"
        self.con.execute(f"INSERT INTO marts.time_spine_daily SELECT d FROM {span}", [first, last])

    def insert(self, mart: str, columns: str, *rows: tuple[Any, ...]) -> None:
        """Insert rows; columns that are not named stay empty."""
        names = columns.split()
        marks = ", ".join("?" for _ in names)
        for row in rows:
            self.con.execute(f"INSERT INTO marts.{mart} ({', '.join(names)}) VALUES ({marks})", list(row))

    def compiled(self, metrics: str, by: str = "", **query: Any) -> str:
        """Compile metrics by columns, both as words."""
        return self.sql_of({"metrics": metrics.split(), "group_by": by.split(), **query})

    def sql_of(self, query: Mapping[str, Any]) -> str:
        """Compile a query as it is."""
        return compile(self.manifest, query, "duckdb")

    def query(self, metrics: str, by: str = "", **query: Any) -> list[tuple[Any, ...]]:
        """Answer through the compiler: dates as text, numbers as floats, in the order of the keys."""
        return self.sql(self.compiled(metrics, by, **query))

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Answer by hand-written SQL, in the same form."""
        rows = [tuple(map(plain, row)) for row in self.con.execute(text).fetchall()]
        return sorted(rows, key=lambda row: [(item is None, str(item)) for item in row])


def plain(value: Any) -> Any:
    """Bring a value into the form that is compared."""
    if value is None or isinstance(value, str):
        return value
    return str(value)[:10] if hasattr(value, "isoformat") else round(float(value), 9)


@pytest.fixture
def company(target: Path, contracts: Mapping[str, Mapping[str, str]]) -> Iterator[Company]:
    built = Company(target, contracts)
    yield built
    built.con.close()
