"""DuckDB connections."""

import subprocess
import sys

import duckdb
import pytest

from plumbline.errors import LockedError, StorageError
from plumbline.warehouse import connect, glob_free, is_damaged, quoted, set_aside

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_connection_is_in_utc(tmp_path):
    with connect(tmp_path / "new" / "warehouse.duckdb") as connection:
        assert connection.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_a_file_that_another_process_holds_is_locked(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match="another process holds"):
            connect(path)
        holder.communicate("")


def test_a_damaged_file_is_a_storage_error(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(StorageError, match="cannot open this database") as caught:
        connect(path)
    assert caught.value.code == "unreadable-database"


def written(path, change):
    """Write a database, change its bytes, and give what reading it raises."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table numbers as select range as number, hash(range) as h from range(100000)"
        )
    content = bytearray(path.read_bytes())
    path.write_bytes(change(content))
    with pytest.raises(duckdb.Error) as caught, duckdb.connect(str(path)) as connection:
        connection.execute("select sum(number), max(h) from numbers").fetchall()
    return caught.value


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:100],
        lambda content: b"",
        lambda content: bytes(8192) + content[8192:],
        lambda content: (
            content[: len(content) // 4] + bytes(len(content) // 2) + content[-len(content) // 4 :]
        ),
    ],
    ids=["half", "a few bytes", "nothing", "no header", "the middle overwritten"],
)
def test_a_file_that_is_not_what_was_written_is_known_by_the_words_of_duckdb(change, tmp_path):
    assert is_damaged(written(tmp_path / "warehouse.duckdb", change))


def test_a_mistake_in_a_statement_is_no_damage():
    with connect() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute("select * from nothing")
    assert not is_damaged(caught.value)


def test_a_damaged_file_and_its_log_are_set_aside_and_the_last_ones_stay(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    for content in ("first", "second"):
        path.write_text(content)
        (tmp_path / "warehouse.duckdb.wal").write_text("log of " + content)
        aside = set_aside(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "warehouse.duckdb.damaged",
        "warehouse.duckdb.damaged.wal",
    ]
    assert aside.read_text() == "second"


def test_paths_and_names_stand_for_themselves(tmp_path):
    path = tmp_path / "a [b] *?.csv"
    path.write_text("x\n1\n")
    with connect() as connection:
        assert connection.execute("select * from read_csv(?)", [glob_free(path)]).fetchall() == [(1,)]
        name = 'a " b'
        connection.execute(f"create table {quoted(name)} as select 1")
        assert connection.execute("select table_name from information_schema.tables").fetchall() == [(name,)]
