from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.landing.api import Api, serving
from tests.postgres import running
from tests.unit.landing.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(Api()) as served:
        yield served


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server; gives the address of an empty database."""
    with running(tmp_path_factory) as address:
        yield address.replace("postgresql://", "postgresql+psycopg2://")
