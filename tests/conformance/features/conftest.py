"""The market of the feature tests, and what a failed comparison tells."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.features.market import Market, Rows, newer


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The market, with definitions as dbt 1.11 writes them."""
    built = Market(tmp_path_factory.mktemp("market") / "semantic_manifest.json")
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
