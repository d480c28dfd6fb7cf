"""Files of the state that are cut off or overwritten: told as such, healed where nothing is lost by it."""

import json
import os
import shutil

import duckdb
import pytest

from tests.end_to_end.conftest import plumb
from tests.end_to_end.young import State, assert_proved, home_of, kinds, ledger_of

pytestmark = pytest.mark.apart


@pytest.fixture
def base(young, tmp_path):
    """A copy of the company after its first day."""
    shutil.copytree(young.base, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path):
    """Overwrite the half of a file in its middle."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 4)
        file.write(b"\xaa" * (size // 2))


def overwrite_in_places(path):
    """Overwrite 64 bytes of every block: the file can be opened, and some table cannot be read."""
    with open(path, "r+b") as file:
        for block in range(12288 + 262144, path.stat().st_size - 262144, 262144):
            file.seek(block + 100_000)
            file.write(b"\xaa" * 64)


def break_its_log(path):
    """Leave a log whose middle is not what was written."""
    log, saved = path.with_name(path.name + ".wal"), path.with_name("saved")
    with duckdb.connect(str(path)) as con:
        con.execute("set checkpoint_threshold = '1GB'")
        con.execute("create table left_over as select range as number from range(100000)")
        shutil.copyfile(path, saved)
        shutil.copyfile(log, path.with_name("saved.wal"))
    saved.replace(path)
    path.with_name("saved.wal").replace(log)
    overwrite(log)


OTHER_WAYS = [pytest.param(way, marks=pytest.mark.long) for way in (overwrite_in_places, break_its_log)]


@pytest.mark.parametrize("damage", [cut, *OTHER_WAYS])
def test_a_damaged_warehouse_is_built_anew_by_the_next_run(damage, base, young, second_day):
    warehouse = home_of(base).warehouse
    damage(warehouse)
    told = young.run(base)
    assert "the warehouse was damaged, and was built anew from what has landed" in told
    assert str(warehouse.with_name("warehouse.duckdb.damaged")) in told
    assert warehouse.with_name("warehouse.duckdb.damaged").is_file()
    assert State.of(base) == second_day.state
    assert_proved(base)


def test_a_damaged_generation_is_named_and_gone_back_from(young, second_day, tmp_path):
    base = tmp_path / "home"
    shutil.copytree(second_day.base, base, symlinks=True)
    current = home_of(base).current.resolve()
    overwrite(current)
    told = young.run(base, code=1)
    assert f"{current}: the published generation is not what was recorded [damaged-generation]" in told
    current.rename(base / "moved away")
    young.run(base)
    assert State.of(base) == second_day.state
    assert kinds(base).count("heal") == 2
    assert_proved(base)


@pytest.mark.long
def test_a_generation_with_another_value_is_not_published_past(base, young):
    with duckdb.connect(str(home_of(base).current.resolve())) as con:
        con.execute("update published.indicator_value set value = value + 1 where metric = 'net_sales'")
    assert "[damaged-generation]" in young.run(base, code=1)


def test_a_question_to_a_damaged_generation_says_so(base):
    cut(home_of(base).current.resolve())
    asked = plumb("query", "net_sales", home=base)
    assert asked.returncode == 1
    assert "[unreadable-database]" in asked.stderr
    assert "move it away and run again" in asked.stderr


def test_a_damaged_extract_is_named_and_nothing_is_published_from_it(base, young):
    before = State.of(base)
    extract = max(home_of(base).landing.rglob("data.parquet"), key=lambda path: path.stat().st_size)
    overwrite(extract)
    told = young.run(base, code=1)
    assert "[damaged-load]" in told
    assert str(extract) in told
    assert State.of(base) == before


def test_a_damaged_ledger_stops_the_run_before_it_publishes(base, young):
    before, file = State.of(base), ledger_of(base).file
    *lines, last = file.read_bytes().splitlines(keepends=True)
    at = json.loads(last)["at"].encode()
    file.write_bytes(b"".join(lines) + last.replace(at, b"2020-01-01T00:00:00.000000Z"))
    told = young.run(base, code=6)
    assert "[damaged-ledger]" in told
    assert str(file) in told
    assert State.of(base) == before
