import shutil

import duckdb
import pytest

from plumbline.errors import LockedError, StorageError
from plumbline.project import Home
from plumbline.serving import open_generation, open_live, open_published

LINES = 'SELECT count(*), sum(net_amount)::VARCHAR FROM "warehouse"."marts"."order_lines"'


def test_compiled_names_resolve(shop):
    shop.publish()
    with open_published(shop.home) as con:
        assert con.execute(LINES).fetchall() == [(6, "430.000001")]


def test_nothing_can_be_written(shop):
    shop.publish()
    with open_published(shop.home) as con, pytest.raises(duckdb.Error, match="read-only"):
        con.execute("CREATE TABLE warehouse.published.mine (i INT)")


def test_a_reader_keeps_its_generation(shop):
    shop.publish()
    with open_published(shop.home) as before:
        shop.change("DELETE FROM marts.order_lines")
        shop.publish()
        assert before.execute(LINES).fetchall() == [(6, "430.000001")]
        with open_published(shop.home) as after:
            assert after.execute(LINES).fetchall() == [(0, None)]


@pytest.mark.parametrize("large_rows", [2, 1000])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_home_that_was_moved_can_still_be_read(shop, tmp_path, large_rows, sealed):
    shop.publish(large_rows)
    shutil.move(shop.home.root, tmp_path / "elsewhere")
    with open_generation(Home(tmp_path / "elsewhere"), sealed=sealed) as source:
        assert source.connection.execute(LINES).fetchall() == [(6, "430.000001")]
        assert source.connection.execute("SELECT count(*) FROM warehouse.published.indicator").fetchall() == [
            (4,)
        ]


def test_a_sealed_reader_reaches_no_other_file(shop, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    shop.publish()
    with open_generation(shop.home, sealed=True) as source, pytest.raises(duckdb.PermissionException):
        source.connection.execute(f"FROM read_csv('{tmp_path}/secret.csv')")


def test_the_warehouse_of_a_running_pipeline_is_not_read(shop):
    import subprocess
    import sys

    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    arguments = [sys.executable, "-c", script, str(shop.home.warehouse)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline()
        with pytest.raises(LockedError, match="run is at work"):
            open_live(shop.home)
        writer.communicate()


def test_a_damaged_generation_is_named(shop):
    publication = shop.publish()
    publication.path.write_bytes(b"x" * 5000)
    with pytest.raises(StorageError) as caught:
        open_generation(shop.home)
    assert str(publication.path) in str(caught.value)
    assert caught.value.code == "unreadable-database"
    assert "move it away and run again" in caught.value.todo


def test_a_generation_that_this_user_may_not_read_is_no_damaged_one(shop, monkeypatch):
    shop.publish()

    def refused(*_, **__):
        raise duckdb.IOException('IO Error: Cannot open file "gen-000001.duckdb": Permission denied')

    monkeypatch.setattr("plumbline.serving.reader._attach", refused)
    with pytest.raises(StorageError) as caught:
        open_generation(shop.home)
    assert caught.value.todo == "Let this user read the file."
