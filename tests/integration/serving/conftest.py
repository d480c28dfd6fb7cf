"""The SQL endpoint of a small shop, before a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from plumbline.access import EVERYTHING, Account, Policy, Role, Selection
from plumbline.serving.desk import Desk
from plumbline.serving.sql.catalog import apply_catalog
from tests.postgres import running as postgres_running
from tests.sql_endpoint import Address, prepare, running
from tests.unit.serving.conftest import Shop

POLICY = Policy(
    "demo",
    {
        "analyst": Role("analyst", metrics=EVERYTHING, persons=True),
        "store": Role(
            "store", metrics=Selection(names=("net_sales", "orders")), rows={"order__channel": ("store",)}
        ),
    },
    accounts={"ana": Account("ana", ("analyst", "store")), "sam": Account("sam", ("store",))},
    digest="1",
)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL that asks ana, sam and a stranger for their passwords."""
    with postgres_running(tmp_path_factory) as url:
        prepare(url, ["ana", "sam", "stranger"])
        yield url


@pytest.fixture(scope="session")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A published shop; tests only read it."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.publish()
    return shop


@pytest.fixture(scope="session")
def endpoint(sold: Shop, server: str) -> Iterator[Address]:
    """The endpoint of the shop, with its catalog."""
    desk = Desk(sold.home, POLICY)
    with psycopg.connect(server) as connection:
        apply_catalog(connection, desk)
    with running(desk, server) as address:
        yield address
    desk.close()


@pytest.fixture
def ana(endpoint: Address) -> Iterator[psycopg.Connection[Any]]:
    """A session of ana, who sees everything."""
    with endpoint.connect("ana") as connection:
        yield connection


@pytest.fixture
def sam(endpoint: Address) -> Iterator[psycopg.Connection[Any]]:
    """A session of sam, who sees two metrics of the stores."""
    with endpoint.connect("sam") as connection:
        yield connection
