"""Parquet files of others: every type becomes text, damaged ones are refused."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def shop(shop):
    shop.tables("order_line: {files: lines.parquet}")
    return shop


def write(shop, **columns):
    pq.write_table(pa.table(columns), shop.data / "lines.parquet")


def test_typed_columns_become_the_same_texts_as_everywhere(shop):
    write(
        shop,
        LineID=pa.array([1, 2], pa.int16()),
        Product=pa.array(["茶", None]).dictionary_encode(),
        Amount=pa.array([Decimal("12.5000"), Decimal("-3")]),
        OrderDate=pa.array([date(2026, 1, 2), None]),
        ModifiedDate=pa.array([datetime(2026, 1, 2, 3, 4, 5), None]),
        Share=pa.array([0.1, 1e22]),
    )
    assert shop.land_lines().rows == 2
    assert shop.lines("LineID, Product, Amount, OrderDate, ModifiedDate, _row_number") == [
        ("1", "茶", "12.5", "2026-01-02", "2026-01-02 03:04:05", 1),
        ("2", None, "-3", None, None, 2),
    ]
    assert pq.read_table(shop.loads()[0].parquet, columns=["Share"], partitioning=None)[
        "Share"
    ].to_pylist() == [
        "0.1",
        "10000000000000000000000",
    ]


def test_a_cut_off_file_is_refused(shop):
    write(shop, LineID=[1], Amount=[1])
    path = shop.data / "lines.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    outcome = shop.land_lines()
    assert outcome.status == "refused"
    assert "no readable Parquet" in outcome.reason


def test_damaged_pages_are_refused(shop):
    write(shop, LineID=list(range(5000)), Amount=list(range(5000)))
    path = shop.data / "lines.parquet"
    content = bytearray(path.read_bytes())
    content[50:2000] = b"\xff" * 1950
    path.write_bytes(content)
    assert shop.land_lines().status == "refused"
    assert shop.loads() == []
