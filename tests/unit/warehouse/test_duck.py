"""DuckDB connections."""

import subprocess
import sys

import pytest

from plumbline.errors import LockedError, StorageError
from plumbline.warehouse import connect, glob_free, quoted

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


def test_paths_and_names_stand_for_themselves(tmp_path):
    path = tmp_path / "a [b] *?.csv"
    path.write_text("x\n1\n")
    with connect() as connection:
        assert connection.execute("select * from read_csv(?)", [glob_free(path)]).fetchall() == [(1,)]
        name = 'a " b'
        connection.execute(f"create table {quoted(name)} as select 1")
        assert connection.execute("select table_name from information_schema.tables").fetchall() == [(name,)]
