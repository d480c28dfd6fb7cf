"""The market of the feature tests on every engine, and what a failed comparison tells."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.engines import ONE_SERVER, Postgres, postgres
from tests.conformance.features.market import DATABASE, Market, Rows, newer

ENGINES = ["duckdb", pytest.param(Postgres.dialect, marks=ONE_SERVER)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask each question of every engine, unless nothing is asked of any."""
    if "market" in metafunc.fixturenames:
        once = metafunc.definition.get_closest_marker("one_engine")
        metafunc.parametrize("market", ENGINES[:1] if once else ENGINES, indirect=True, scope="session")


@pytest.fixture(scope="session")
def market(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The market, with definitions as dbt 1.11 writes them."""
    built = Market(tmp_path_factory.mktemp("market") / "semantic_manifest.json")
    if request.param == Postgres.dialect:
        with postgres(request.getfixturevalue("server"), built.con, DATABASE) as built.engine:
            yield built
    else:
        yield built
    built.con.close()


@pytest.fixture(scope="session")
def newer_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The market, with definitions as dbt 1.12 writes them."""
    built = Market(tmp_path_factory.mktemp("newer_market") / "semantic_manifest.json", newer())
    yield built
    built.con.close()


def pytest_assertrepr_compare(op: str, left: Any, right: Any) -> list[str] | None:
    """Print the question, its SQL, and which rows only one side has."""
    if op != "==" or not isinstance(left, Rows):
        return None
    only = [row for row in left if row not in right], [row for row in right if row not in left]
    return [
        f"the answer to {left.asked} is not that of the SQL by hand",
        f"only in the answer: {only[0]}",
        f"only by hand: {only[1]}",
        *(left.sql.splitlines()),
        *(["by hand:", *right.sql.splitlines()] if isinstance(right, Rows) else []),
    ]
