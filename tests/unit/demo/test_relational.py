"""The ERP on a server holds the same rows as the SQLite file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from plumbline.demo import copy_erp
from plumbline.demo.schema import ERP
from plumbline.errors import UsageError
from tests.postgres import running


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory) as address:
        yield address.replace("postgresql://", "postgresql+psycopg2://")


def _rows(url: str, table: str) -> Counter[tuple[Any, ...]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f'select * from "{table}"').fetchall()
    engine.dispose()
    return Counter(tuple(_plain(value) for value in row) for row in rows)


def _plain(value: object) -> object:
    if isinstance(value, Decimal | int | float):
        return str(Decimal(str(value)).normalize())
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.removesuffix(".000000") if isinstance(value, str) else value


def test_postgresql_holds_the_same_rows(company: Any, postgres: str) -> None:
    source = company.path / "erp.sqlite"
    copied = copy_erp(source, postgres)
    assert copied == {name: len(company.tables[_table(name)]) for name in ERP}
    for name in ERP:
        assert _rows(postgres, name) == _rows(f"sqlite:///{source}", name), name


def test_postgresql_has_proper_types(company: Any, postgres: str) -> None:
    copy_erp(company.path / "erp.sqlite", postgres)
    engine = sa.create_engine(postgres)
    columns = {column["name"]: column for column in sa.inspect(engine).get_columns("Sales_SalesOrderHeader")}
    engine.dispose()
    assert isinstance(columns["SubTotal"]["type"], sa.Numeric)
    assert (columns["SubTotal"]["type"].precision, columns["SubTotal"]["type"].scale) == (19, 4)
    assert isinstance(columns["OrderDate"]["type"], sa.TIMESTAMP)
    assert isinstance(columns["OnlineOrderFlag"]["type"], sa.SMALLINT)


def test_copying_again_replaces(company: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/copy.sqlite"
    assert copy_erp(company.path / "erp.sqlite", url) == copy_erp(company.path / "erp.sqlite", url)
    name = "Sales_SalesOrderDetail"
    assert _rows(url, name) == _rows(f"sqlite:///{company.path}/erp.sqlite", name)


def test_a_missing_erp_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no generated ERP"):
        copy_erp(tmp_path / "erp.sqlite", "sqlite://")


def _table(name: str) -> str:
    from plumbline.demo.schema import NAMES

    return NAMES[name]
