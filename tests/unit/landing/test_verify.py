"""A load that is no longer what landed is told, and not read."""

import os

import pytest

from plumbline.errors import StorageError
from plumbline.landing import verify_loads
from tests.unit.landing.shop import csv


@pytest.fixture
def shop(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_1.csv", csv("1,tea,1,,"))
    shop.file("lines_2.csv", csv("2,pot,1,,"))
    shop.land()
    return shop


def flip(path, keep_time=False):
    """Change one byte in the middle of a file, which keeps its size."""
    facts = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_each_load_is_read_once(shop):
    assert verify_loads(shop.home, shop.loads()) == 2
    assert verify_loads(shop.home, shop.loads()) == 0
    shop.file("lines_3.csv", csv("3,cup,1,,"))
    shop.land()
    assert verify_loads(shop.home, shop.loads()) == 1


def test_a_byte_that_was_changed_is_told_with_its_file_until_it_is_mended(shop):
    verify_loads(shop.home, shop.loads())
    load = shop.loads()[1]
    flip(load.parquet)
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            verify_loads(shop.home, shop.loads())
    assert caught.value.where == str(load.parquet)
    assert load.parquet_sha256[:12] in caught.value.why
    flip(load.parquet)
    assert verify_loads(shop.home, shop.loads()) == 1


def test_a_byte_that_changed_on_the_disk_by_itself_is_told_by_a_thorough_look(shop):
    verify_loads(shop.home, shop.loads())
    flip(shop.loads()[0].parquet, keep_time=True)
    assert verify_loads(shop.home, shop.loads()) == 0
    with pytest.raises(StorageError):
        verify_loads(shop.home, shop.loads(), thorough=True)


def test_the_loads_of_hours_ago_are_read_when_nobody_knows_whether_they_were(shop):
    verify_loads(shop.home, shop.loads())
    (shop.home.landing / ".cache" / "verified.json").write_text("{")
    assert verify_loads(shop.home, shop.loads()) == 2
