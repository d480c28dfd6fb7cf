"""Other processes publish, die and fill the disk while readers read."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from plumbline.errors import StorageError
from plumbline.project import Home
from plumbline.publication import Shelf, current_publication
from plumbline.serving import open_published
from tests.integration.publication.worker import publish_batch

WORKER = Path(__file__).with_name("worker.py")
ROWS = 3000
# One row when every table of the generation holds the same batch, whole.
CONSISTENT = f"""
WITH seen AS (
    SELECT min(batch) AS low, max(batch) AS high, count(*) = {ROWS} AS whole FROM published.sales_monthly
    UNION ALL SELECT min(batch), max(batch), sum(value) = {ROWS} FROM published.indicator_value
    UNION ALL SELECT min(batch), max(batch), count(*) = {ROWS} FROM marts.order_lines
    UNION ALL SELECT min(batch), max(batch), true FROM marts.products
    UNION ALL SELECT batch, batch, true FROM (
        SELECT right(run_id, -4)::INT AS batch FROM published.publication ORDER BY generation DESC LIMIT 1)
)
SELECT min(low), max(high), bool_and(whole) FROM seen
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "demo")
    home.root.mkdir()
    return home


def start(home: Home, first: int, last: int) -> subprocess.Popen:
    arguments = [sys.executable, str(WORKER), str(home.root), str(first), str(last)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def publish(home: Home, first: int, last: int) -> None:
    worker = start(home, first, last)
    _, told = worker.communicate()
    assert worker.returncode == 0, told


def read_batch(con: duckdb.DuckDBPyConnection) -> int:
    """Read which batch a generation holds; fails when its tables differ."""
    low, high, whole = con.execute(CONSISTENT).fetchone()
    assert (low, whole) == (high, True)
    return low


def read(home: Home) -> int:
    with open_published(home) as con:
        return read_batch(con)


def test_a_generation_that_somebody_reads_stays_whole_until_they_have_read(home):
    publish(home, 1, 1)
    first = home.current.resolve()
    with open_published(home) as reader:
        publish(home, 2, 5)
        assert first.is_file()
        assert read_batch(reader) == 1
    publish(home, 6, 6)
    assert not first.exists()


@pytest.mark.parametrize("publications", [12, pytest.param(30, marks=pytest.mark.long)])
def test_publications_under_readers_never_show_a_mix(home, publications):
    publish(home, 1, 1)
    writing = threading.Event()
    writing.set()
    seen, troubles = Counter(), []

    def keep_reading():
        while writing.is_set():
            try:
                seen[read(home)] += 1
            except Exception as error:
                troubles.append(repr(error))

    readers = [threading.Thread(target=keep_reading) for _ in range(3)]
    for reader in readers:
        reader.start()
    publish(home, 2, publications + 1)
    writing.clear()
    for reader in readers:
        reader.join()
    assert troubles == []
    assert read(home) == publications + 1
    assert len(seen) > 5
    assert len(list(home.published.glob("gen-*.duckdb"))) <= 6


@pytest.mark.parametrize("kills", [4, pytest.param(12, marks=pytest.mark.long)])
def test_a_killed_publication_leaves_one_whole_generation(home, kills):
    publish(home, 1, 1)
    chance = random.Random(7)
    batch = 1
    for _ in range(kills):
        worker = start(home, batch + 1, batch + 50)
        worker.stdout.readline()
        time.sleep(chance.random() * 0.15)
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        found = read(home)
        assert batch <= found <= batch + 50
        batch = found
    publish(home, batch + 1, batch + 1)
    assert read(home) == batch + 1
    assert not list(home.published.rglob(".tmp-*"))
    shelf = Shelf(home.published)
    wanted = {part.file for number in shelf.generations() for part in shelf.publication(number).parts}
    assert {
        path.relative_to(home.published).as_posix() for path in home.published.rglob("*.parquet")
    } == wanted


def test_a_generation_in_use_elsewhere_is_not_pruned(home):
    publish(home, 1, 1)
    script = (
        "import sys, duckdb; from pathlib import Path; from plumbline.project import Home;"
        "from plumbline.serving import open_published; con = open_published(Home(Path(sys.argv[1])));"
        "print('open', flush=True); sys.stdin.readline();"
        "print(con.execute('SELECT min(batch), count(*) FROM warehouse.marts.order_lines').fetchone())"
    )
    arguments = [sys.executable, "-c", script, str(home.root)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "open\n"
        publish(home, 2, 6)
        assert Shelf(home.published).generations() == [1, 4, 5, 6]
        told, _ = reader.communicate("go on\n")
    assert told == f"(1, {ROWS})\n"
    publish(home, 7, 7)
    assert Shelf(home.published).generations() == [5, 6, 7]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("kilobytes_left", [0, 64, 512])
def test_a_full_disk_keeps_the_old_generation(home, small_disk, kilobytes_left):
    home.published.symlink_to(small_disk)
    with duckdb.connect(str(home.warehouse)) as con:
        publish_batch(con, home, 1)
        free = os.statvfs(small_disk)
        (small_disk / "filler").write_bytes(b"x" * (free.f_bavail * free.f_bsize - 1024 * kilobytes_left))
        with pytest.raises(StorageError, match="the disk is full: nothing was published"):
            publish_batch(con, home, 2)
        assert read(home) == 1
        (small_disk / "filler").unlink()
        publish_batch(con, home, 3)
    assert read(home) == 3
    assert not list(small_disk.rglob(".tmp-*"))


def installers(python: Path) -> Iterator[tuple[list[object], list[object]]]:
    """Give ways to make a virtual environment of that Python, and to install into it; the quickest first."""
    directory = python.parents[1]
    venv, options = [sys.executable, "-m", "venv", "--clear"], ["--retries=1", "--disable-pip-version-check"]
    yield ["uv", "venv", directory], ["uv", "pip", "install", "--python", python]
    yield (
        [*venv, "--without-pip", directory],
        [sys.executable, "-m", "pip", "--python", python, "install", *options],
    )
    yield [*venv, directory], [python, "-m", "pip", "install", *options]


@pytest.fixture(scope="session")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with DuckDB 1.1, as BI drivers have it: PLUMBLINE_DUCKDB_1, or a new virtual environment."""
    named = os.environ.get("PLUMBLINE_DUCKDB_1")
    if named:
        return named
    python = tmp_path_factory.mktemp("old") / "bin" / "python"
    for make, install in installers(python):
        with suppress(OSError, subprocess.SubprocessError):
            for command in (make, [*install, "duckdb==1.1.3"]):
                subprocess.run(command, check=True, capture_output=True, timeout=300)
            return str(python)
    pytest.skip("DuckDB 1.1 cannot be installed here; set PLUMBLINE_DUCKDB_1 to a Python that has it")


def test_older_clients_can_read_what_is_published(home, old_python):
    publish(home, 1, 2)
    script = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1], read_only=True);"
        "lines = con.execute('SELECT min(batch), count(*) FROM marts.order_lines').fetchone();"
        "months = con.execute('SELECT max(batch) FROM published.sales_monthly').fetchone();"
        "print(duckdb.__version__[0], lines, months)"
    )
    done = subprocess.run(
        [old_python, "-c", script, str(home.current)], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"1 (2, {ROWS}) (2,)\n"


def test_the_facts_beside_a_generation_agree_with_it(home):
    publish(home, 1, 2)
    publication = current_publication(home)
    with open_published(home) as con:
        rows = con.execute(
            "SELECT schema_name, table_name, row_count, digest FROM warehouse.published.publication_table "
            "WHERE publication_id = ?",
            [publication.publication_id],
        ).fetchall()
    assert rows == [(table.schema, table.name, table.rows, table.digest) for table in publication.tables]
