"""Loads: append-only, numbered upwards, visible all at once or not at all, and never twice."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from plumbline.errors import StorageError, UsageError
from plumbline.landing import cache, current_loads, land_system, load_sources, visible_loads, writer
from plumbline.landing.files import connector
from plumbline.landing.manifests import Manifest
from plumbline.landing.quarantine import release_refusal
from tests.unit.landing.shop import AS_OF, csv


def test_a_load_is_parquet_of_texts_with_a_manifest(shop):
    path = shop.file("lines.csv", csv("1,tea,12.50,2026-01-02,", '2,pot,"1.234,56",,', "3,cup,-2,,"))
    shop.land()
    (load,) = shop.loads()
    content = json.loads((load.directory / "manifest.json").read_text())
    assert content == {
        "format": 1,
        "load": 1,
        "company": "shop",
        "system": "erp",
        "table": "order_line",
        "connector": "files",
        "source": "lines.csv",
        "mode": "snapshot",
        "sha256": writer.file_sha256(path),
        "content_sha256": load.content_sha256,
        "bytes": path.stat().st_size,
        "rows": 3,
        "columns": ["LineID", "Product", "Amount", "OrderDate", "ModifiedDate"],
        "as_of": AS_OF.isoformat(),
        "landed_at": load.landed_at,
        "seconds": load.seconds,
        "parquet_sha256": writer.file_sha256(load.parquet),
        "parquet_bytes": load.parquet.stat().st_size,
        "missing_columns": [],
        "extra_columns": [],
        "control_totals": {"Amount": {"sum": "10.500000", "not_null": 3, "unparsed": 1}},
        "cursor": None,
        "notes": [],
        "reading": "csv",
        "difference": None,
    }
    schema = pq.read_schema(load.parquet)
    assert [str(field.type) for field in schema] == ["string"] * 5 + ["int64"]
    assert schema.names[-1] == "_row_number"
    assert load.directory == shop.home.landing / "erp" / "order_line" / "load=1"


def test_a_manifest_reads_back_as_it_was_written(shop, tmp_path):
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    (load,) = shop.loads()
    assert Manifest.read(load.directory) == load


def test_the_same_content_is_no_new_load(shop):
    shop.file("lines.csv", csv("1,tea,1,,"))
    assert shop.land_lines().status == "landed"
    outcome = shop.land_lines()
    assert (outcome.status, outcome.rows, outcome.load) == ("unchanged", 0, None)
    os.utime(shop.data / "lines.csv")
    assert shop.land_lines().status == "unchanged"
    assert len(shop.loads()) == 1


def test_the_same_content_under_two_names_is_one_load(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_1.csv", csv("1,tea,1,,"))
    shop.file("lines_2.csv", csv("1,tea,1,,"))
    outcome = shop.land_lines()
    assert [extract.status for extract in outcome.extracts] == ["landed", "unchanged"]
    assert outcome.extracts[1].notes == ("the same content as load 1 (lines_1.csv)",)
    assert len(shop.lines()) == 1


def test_the_same_rows_in_another_encoding_are_one_load(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_1.csv", csv("1,茶,1,,"))
    shop.file("lines_2.csv", csv("1,茶,1,,").encode("gbk"))
    assert [extract.status for extract in shop.land_lines().extracts] == ["landed", "unchanged"]


def test_the_same_file_read_another_way_is_a_new_load(shop):
    shop.file("lines.csv", csv("1,茶,1,,").encode("gbk"))
    shop.tables('order_line: {files: "lines*", encoding: latin-1}')
    shop.land()
    shop.tables('order_line: {files: "lines*", encoding: gbk}')
    assert shop.land_lines().status == "landed"
    assert shop.lines("Product") == [("茶",)]


def test_of_snapshots_only_the_newest_is_current(shop):
    shop.file("lines.csv", csv("1,tea,1,,", "2,pot,1,,"))
    shop.land()
    shop.file("lines.csv", csv("1,tea,2,,"))
    shop.land()
    assert shop.lines("_load, LineID, Amount") == [(2, "1", "2")]
    assert shop.query("select load, is_current from landing_run.loads order by load") == [
        (1, False),
        (2, True),
    ]


def test_a_snapshot_that_returns_to_earlier_content_is_a_new_load(shop):
    for text in ("1,tea,1,,", "1,tea,2,,", "1,tea,1,,"):
        shop.file("lines.csv", csv(text))
        assert shop.land_lines().status == "landed"
    assert shop.lines("_load, Amount") == [(3, "1")]


def test_of_several_snapshot_files_the_last_by_name_counts(shop):
    shop.file("lines_2026-01-02.csv", csv("1,new,1,,"))
    shop.file("lines_2026-01-01.csv", csv("1,old,1,,"))
    outcome = shop.land_lines()
    assert shop.lines("Product") == [("new",)]
    assert outcome.notes == ("the last by name of 2 files; the others are older",)


def test_appended_files_are_all_current_even_when_they_come_late(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_2026-01-09.csv", csv("9,new,1,,"))
    shop.land()
    shop.file("lines_2026-01-02.csv", csv("2,a week late,1,,"))
    assert shop.land_lines().rows == 1
    assert shop.lines("_load, LineID") == [(1, "9"), (2, "2")]


def test_files_with_conflicting_rows_both_land(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_1.csv", csv("1,tea,1,,2026-01-01"))
    shop.file("lines_2.csv", csv("1,tea,2,,2026-01-02"))
    shop.land()
    assert shop.lines("Amount, ModifiedDate") == [("1", "2026-01-01"), ("2", "2026-01-02")]


def test_a_bad_file_is_moved_to_quarantine_and_the_rest_goes_on(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_1.csv", csv("1,tea,1,,"))
    bad = shop.file("lines_2.csv", csv("2,pot"))
    shop.file("lines_3.csv", csv("3,cup,1,,"))
    outcome = shop.land_lines()
    assert [extract.status for extract in outcome.extracts] == ["landed", "refused", "landed"]
    assert (outcome.status, outcome.rows) == ("refused", 2)
    assert not bad.exists()
    kept, note = shop.quarantined()
    assert kept.read_text() == csv("2,pot")
    assert kept.name.endswith("-lines_2.csv")
    told = json.loads(note.read_text())
    assert (told["system"], told["table"], told["source"], told["line"]) == (
        "erp",
        "order_line",
        "lines_2.csv",
        2,
    )
    assert "2 values" in told["reason"]
    assert told["what_to_do"]


def test_a_refused_file_says_where_it_went(shop):
    shop.file("lines.csv", csv("2,pot"))
    outcome = shop.land_lines()
    kept, _ = shop.quarantined()
    assert "this line has 2 values, the header has 5 columns. The file looks cut off" in outcome.reason
    assert outcome.reason.endswith(f"It was moved to {kept}.")


def test_a_refused_file_stays_open_until_a_file_of_its_name_lands(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_1.csv", csv("1,tea,1,,"))
    shop.file("lines_2.csv", csv("2,pot"))
    first = shop.land().refusals
    assert [(refusal.source, refusal.line) for refusal in first] == [("lines_2.csv", 2)]
    shop.file("lines_3.csv", csv("3,cup,1,,"))
    assert shop.land().refusals == first
    shop.file("lines_2.csv", csv("2,pot,1,,"))
    assert shop.land().refusals == ()


def test_any_newer_file_of_a_snapshot_replaces_a_refused_one(shop):
    shop.file("lines_1.csv", csv("2,pot"))
    assert len(shop.land().refusals) == 1
    shop.file("lines_2.csv", csv("2,pot,1,,"))
    assert shop.land().refusals == ()


def test_a_file_that_is_refused_again_in_another_state_counts_from_its_first_time(shop):
    shop.file("lines.csv", csv("2,pot"))
    [first] = shop.land().refusals
    note = shop.quarantined()[-1]
    note.write_text(note.read_text().replace(first.since, "2026-01-01T00:00:00+00:00"))
    shop.file("lines.csv", csv())
    [again] = shop.land().refusals
    assert (again.since, again.reason) == (
        "2026-01-01T00:00:00+00:00",
        "there is a header, but no rows",
    )


def test_a_refusal_whose_note_was_removed_is_settled(shop):
    shop.file("lines.csv", csv("2,pot"))
    shop.land()
    for path in shop.quarantined():
        path.unlink()
    assert shop.land().refusals == ()


def test_a_bad_file_of_somebody_else_is_copied_to_quarantine_once(shop):
    shop.tables('order_line: {files: "lines*"}', extra="    refused: copy\n")
    bad = shop.file("lines.csv", csv("2,pot"))
    assert [shop.land_lines().status for _ in range(2)] == ["refused", "refused"]
    assert bad.exists()
    assert len(shop.quarantined()) == 2


def test_a_released_file_that_still_lies_there_is_refused_no_more(shop):
    shop.tables('order_line: {files: "lines*"}', extra="    refused: copy\n")
    shop.file("lines.csv", csv("2,pot"))
    [refusal] = shop.land().refusals
    release_refusal(Path(refusal.note), by="li.na", why="sent twice")
    again = shop.land()
    assert (again["order_line"].status, again.refusals) == ("released", ())
    shop.file("lines.csv", csv("2,pan"))
    other = shop.land()
    assert (other["order_line"].status, len(other.refusals)) == ("refused", 1)


def test_the_last_good_load_stays_when_a_snapshot_is_refused(shop):
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    shop.file("lines.csv", csv())
    assert shop.land_lines().status == "refused"
    assert shop.lines("LineID") == [("1",)]


def test_a_file_that_is_still_being_written_is_left_for_the_next_run(shop, monkeypatch):
    path = shop.file("lines.csv", csv("1,tea,1,,", "2,p"))
    monkeypatch.setattr(connector, "open_text", growing(path, "ot,2,,\n", connector.open_text))
    outcome = shop.land_lines()
    assert outcome.status == "unavailable"
    assert "somebody is still writing it" in outcome.reason
    assert shop.quarantined() == []
    monkeypatch.undo()
    path.write_text(csv("1,tea,1,,", "2,pot,2,,"))
    assert shop.land_lines().rows == 2


def test_a_file_that_grows_after_it_was_inspected_does_not_land(shop, monkeypatch):
    path = shop.file("lines.csv", csv("1,tea,1,,"))
    monkeypatch.setattr(connector, "open_text", growing(path, "2,pot,2,,\n", connector.open_text))
    assert shop.land_lines().status == "unavailable"
    assert shop.loads() == []


def growing(path, more, real):
    """Wrap a function: the file grows once it has been called."""

    def grow(*arguments):
        result = real(*arguments)
        with path.open("a") as file:
            file.write(more)
        return result

    return grow


def test_a_file_that_may_not_be_read_keeps_no_other_from_landing(shop, monkeypatch):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_1.csv", csv("1,tea,1,,"))
    shop.file("lines_2.csv", csv("2,pot,1,,"))
    real = cache.file_sha256_by_stretch

    def denied(path):
        if path.name == "lines_1.csv":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(cache, "file_sha256_by_stretch", denied)
    outcome = shop.land_lines()
    assert [extract.status for extract in outcome.extracts] == ["unavailable", "landed"]
    assert "Permission denied" in outcome.reason


def test_a_missing_file_is_an_outcome(shop):
    outcome = shop.land_lines()
    assert outcome.status == "missing"
    assert "no such file" in outcome.reason


def test_an_emptied_folder_changes_nothing(shop):
    shop.file("lines.csv", csv("1,tea,1,,")).rename(shop.data / "away.csv")
    assert shop.land_lines().status == "missing"
    (shop.data / "away.csv").rename(shop.data / "lines.csv")
    shop.land()
    (shop.data / "lines.csv").unlink()
    outcome = shop.land_lines()
    assert outcome.status == "absent"
    assert "no such file" in outcome.reason
    assert len(shop.lines()) == 1


def test_a_missing_folder_makes_every_table_unavailable(shop):
    shop.tables(
        "order_line: {files: a.csv}",
        "shop: {files: b.csv}",
        system='connector: files, path: "{data}/nowhere"',
    )
    result = shop.land()
    assert [outcome.status for outcome in result.outcomes] == ["unavailable", "unavailable"]
    assert "the folder is not there" in result["shop"].reason
    assert result["shop"].reason == result["order_line"].reason


def test_a_variable_that_is_not_set_makes_the_system_unavailable_and_names_it(shop):
    shop.tables("order_line: {files: a.csv}", system="connector: files, path: ${FOLDER}")
    outcome = shop.land_lines()
    assert outcome.status == "unavailable"
    assert "FOLDER is not set" in outcome.reason
    assert "export FOLDER=" in outcome.todo


def test_an_unknown_system_is_a_usage_error(shop):
    sources = load_sources(shop.project, "shop")
    with pytest.raises(UsageError, match="Did you mean 'erp'"):
        land_system(shop.project, shop.home, sources, "epr", as_of=AS_OF)


def test_load_numbers_grow_over_all_tables_and_are_never_used_again(shop):
    shop.tables('order_line: {files: "lines*"}', 'shop: {files: "shop*"}')
    shop.file("shop.csv", "ShopID\n1\n")
    for amount in (1, 2):
        shop.file("lines.csv", csv(f"1,tea,{amount},,"))
        shop.land()
    assert [(load.load, load.table) for load in shop.loads()] == [
        (1, "order_line"),
        (2, "shop"),
        (3, "order_line"),
    ]
    writer.shutil.rmtree(shop.loads()[-1].directory)
    shop.land()
    assert [load.load for load in shop.loads()] == [1, 2, 4]
    (shop.home.landing / ".last_load").unlink()
    shop.file("shop.csv", "ShopID\n2\n")
    shop.land()
    assert shop.loads()[-1].load == 5


def test_only_finished_loads_count(shop):
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    table = shop.home.landing / "erp" / "order_line"
    for name in ("load=2", "load=07", "load=x", ".tmp-1-abc", "notes"):
        (table / name).mkdir()
    assert [load.load for load in shop.loads()] == [1]
    assert len(shop.lines()) == 1


def test_leftovers_of_killed_runs_are_removed(shop):
    leftover = shop.home.landing / "erp" / "order_line" / ".tmp-99-abc"
    leftover.mkdir(parents=True)
    (leftover / "data.parquet").write_bytes(b"PAR1")
    shop.land()
    assert not leftover.exists()


def test_a_damaged_load_is_told_and_not_read(shop):
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    parquet = shop.loads()[0].parquet
    parquet.write_bytes(parquet.read_bytes()[:-1])
    with pytest.raises(StorageError, match="damaged"):
        visible_loads(shop.home)


@pytest.mark.parametrize("name", ["write_table", "fsync", "rename"])
def test_a_full_disk_is_a_storage_error_and_leaves_nothing(shop, monkeypatch, name):
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    shop.file("lines.csv", csv("1,tea,2,,"))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    place = {"write_table": pq.ParquetWriter, "fsync": os, "rename": Path}[name]
    with monkeypatch.context() as patch:
        patch.setattr(place, name, full)
        with pytest.raises(StorageError, match="the disk is full") as caught:
            shop.land()
    assert caught.value.code == "disk-full"
    assert [load.load for load in shop.loads()] == [1]
    assert list((shop.home.landing / "erp" / "order_line").glob(".tmp*")) == []
    assert shop.land_lines().status == "landed"


LIMITED = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from plumbline.errors import StorageError
from tests.unit.landing.shop import Shop

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Shop(Path(sys.argv[1]), fresh=False).land()
except StorageError as error:
    print(error)
"""


def test_a_file_that_the_system_does_not_let_grow_leaves_nothing(shop, project_root):
    shop.file("lines.csv", csv(*(f"{n},{os.urandom(40).hex()},1,," for n in range(20_000))))
    command = [sys.executable, "-c", LIMITED, str(shop.data.parent), str(project_root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "the disk is full [disk-full]" in done.stdout
    assert shop.loads() == []
    assert shop.land_lines().rows == 20_000


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from plumbline.landing import writer
from tests.unit.landing.shop import Shop

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

{patch}
Shop(Path(sys.argv[1]), fresh=False).land()
"""


@pytest.mark.parametrize(
    "patch",
    [
        "writer.LoadWriter.finish = die",
        "writer.LoadNumbers.next = die",
        "writer.Manifest.write = die",
        "Path.rename = die",
        "writer.LoadWriter.publish = lambda *a, real=writer.LoadWriter.publish: (real(*a), die())",
    ],
)
def test_a_killed_run_leaves_nothing_half_and_the_next_run_converges(shop, patch, project_root):
    shop.file("lines.csv", csv("1,tea,1,,", "2,pot,2,,"))
    command = [sys.executable, "-c", KILLED.format(patch=patch), str(shop.data.parent), str(project_root)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(shop.loads()) == ("real" in patch)
    shop.land()
    assert [(load.rows, load.mode) for load in shop.loads()] == [(2, "snapshot")]
    assert list((shop.home.landing / "erp" / "order_line").glob(".tmp*")) == []


def test_a_change_of_mode_starts_anew(shop):
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_2.csv", csv("2,pot,1,,"))
    shop.land()
    assert [load.mode for load in current_loads(shop.loads())] == ["append", "append"]
    assert shop.lines("LineID") == [("1",), ("2",)]


def test_a_file_that_changes_without_a_new_size_is_seen(shop):
    path = shop.file("lines.csv", csv("1,tea,1,,"))
    old = time.time() - 3600
    os.utime(path, (old, old))
    shop.land()
    shop.file("lines.csv", csv("1,tea,2,,"))
    os.utime(path, (old + 1, old + 1))
    assert shop.land_lines().status == "landed"
