"""What was published comes out of its extracts again, on any number of threads; what does not is named."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plumbline.audit.recomputed import attached, compare_marts, compare_tables, put_back
from plumbline.audit.replay import _code_changes, find_publication
from plumbline.definitions import load
from plumbline.errors import UsageError
from plumbline.ledger import Ledger
from plumbline.project import Home, Project
from plumbline.publication import Shelf
from plumbline.warehouse import connect
from tests.integration.audit.conftest import AS_OF


def plumb(base, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "plumbline", *map(str, arguments)],
        env={**os.environ, "PLUMBLINE_HOME": str(base), "PLUMBLINE_DEMO_SCALE": "0.02", **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def replayed(base, *arguments, **environment):
    """Replay, and give what came out, with the exit code."""
    done = plumb(base, "audit", "replay", *arguments, "--format", "json", **environment)
    assert done.returncode in (0, 6), done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def content_of(directory):
    """Digest every file, link and name under a directory."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        digest.update(str(path.relative_to(directory)).encode() + b"\0")
        if path.is_symlink():
            digest.update(os.readlink(path).encode())
        elif path.is_file():
            digest.update(f"{path.stat().st_mtime_ns}".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def kept(published, tmp_path_factory):
    """Replay the current publication (big marts in parts) on one thread; gives code and report."""
    place = tmp_path_factory.mktemp("kept")
    before = content_of(published)
    code, found = replayed(published, "--threads", 1, "--keep", TMPDIR=str(place))
    assert content_of(published) == before, "the company's own state is only read"
    return code, found


def test_a_publication_comes_out_of_its_extracts_on_one_thread(kept):
    code, found = kept
    assert (code, found["equal"], found["threads"]) == (0, True, 1)
    assert found["publication_id"] == "demo-000002"
    named = {table["table"] for table in found["tables"]}
    assert {"published.indicator_value", "published.target", "published.rejected_row"} <= named
    assert "marts.order_lines" in named
    assert len(named) > 70
    assert found["rows"] > 20_000


@pytest.mark.long
def test_it_comes_out_the_same_on_four_threads(kept, published):
    code, found = replayed(published, "demo-000001", "--threads", 4)
    assert (code, found["threads"]) == (0, 4)
    assert [t["rows"] for t in found["tables"]] == [t["rows"] for t in kept[1]["tables"]]


def test_the_code_is_told_to_be_that_of_then(kept):
    assert kept[1]["same_files"]
    assert [change for change in kept[1]["code"] if change["what"] != "commit"] == []


@pytest.fixture
def warehouse(kept, tmp_path):
    """A copy of the warehouse that a replay has left."""
    clean = Home(tmp_path / "clean")
    clean.root.mkdir()
    shutil.copyfile(Home(Path(kept[1]["kept"])).warehouse, clean.warehouse)
    with connect(clean.warehouse) as con:
        yield con


def compared(con, published, kept):
    shelf = Shelf(published / "demo" / "published")
    publication = find_publication(Ledger(published / "demo" / "ledger"), shelf, None)
    definitions = load(Home(Path(kept[1]["kept"])).semantic_manifest)
    with attached(con, shelf, publication.body):
        held = put_back(con, definitions, AS_OF)
        found = [*compare_tables(con, publication.body, held), *compare_marts(con, shelf, publication.body)]
    return [table.difference for table in found if table.difference]


def test_a_value_that_comes_out_otherwise_is_named(warehouse, published, kept):
    where = "metric = 'net_sales' and grain = 'year' and dimensions = '' and period_start = DATE '2025-01-01'"
    warehouse.execute(f"update candidates.indicator_value set value = value + 0.5 where {where}")
    (then, now) = warehouse.execute(
        f"select (value - 0.5)::varchar, value::varchar from candidates.indicator_value where {where}"
    ).fetchone()
    (found,) = compared(warehouse, published, kept)
    assert found.where == (
        "published.indicator_value, metric net_sales, grain year, period_start 2025-01-01, column value"
    )
    assert float(found.expected) == float(then)
    assert found.found == now


def test_a_row_that_does_not_come_out_any_more_is_named(warehouse, published, kept):
    (name,) = warehouse.execute(
        "select customer_id::varchar from marts.customers order by 1 limit 1"
    ).fetchone()
    warehouse.execute("delete from marts.customers where customer_id::varchar = ?", [name])
    (found,) = compared(warehouse, published, kept)
    assert found.where == f"marts.customers, customer_id {name}"
    assert (found.expected, found.found) == ("this row", "no such row")


def test_a_part_of_a_big_mart_that_comes_out_otherwise_is_named(warehouse, published, kept):
    warehouse.execute(
        "update marts.order_lines set quantity = quantity + 1"
        " where order_line_id = (select min(order_line_id) from marts.order_lines)"
    )
    (found,) = compared(warehouse, published, kept)
    assert found.where.startswith("marts.order_lines, order_line_id ")
    assert found.where.endswith(", column quantity")


def test_a_table_that_is_not_computed_any_more_is_named(warehouse, published, kept):
    warehouse.execute("drop table candidates.coverage")
    (found,) = compared(warehouse, published, kept)
    assert found.what == "published.coverage is not computed any more"


def test_a_metric_that_is_calculated_otherwise_now_is_named(published, kept):
    body = dict(find_publication(Ledger(published / "demo" / "ledger"), Shelf(published), "2").body)
    body["metrics"] = {**body["metrics"], "net_sales": {"definition_sha256": "a", "sql_sha256": "b"}}
    body["lock_sha256"] = "c"
    clean = Home(Path(kept[1]["kept"]))
    changes = _code_changes(Project.find(), clean, body, body["code_commit"], body["code_sha256"])
    assert [change.what for change in changes] == [
        "lock_sha256",
        "definition of net_sales",
        "SQL of net_sales",
    ]


@pytest.mark.parametrize("name", ["demo-000001", "gen-000001", "gen-000001.duckdb", "1"])
def test_a_publication_is_found_by_its_name_or_its_number(name, published):
    ledger, shelf = Ledger(published / "demo" / "ledger"), Shelf(published / "demo" / "published")
    assert find_publication(ledger, shelf, name).body["generation"] == 1
    assert find_publication(ledger, shelf, None).body["generation"] == 2


@pytest.mark.parametrize("name", ["demo-000099", "yesterday"])
def test_an_unknown_publication_is_told_with_the_newest(name, published):
    ledger, shelf = Ledger(published / "demo" / "ledger"), Shelf(published / "demo" / "published")
    with pytest.raises(UsageError, match="there is no publication") as caught:
        find_publication(ledger, shelf, name)
    assert "demo-000001, demo-000002" in caught.value.todo


def assert_cannot_replay(copy, *told):
    done = plumb(copy.base, "audit", "replay")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "demo-000002 cannot be replayed [cannot-replay]" in done.stderr
    for text in told:
        assert text in done.stderr


def test_an_extract_that_is_gone_or_damaged_is_named(copy):
    first, second = sorted(copy.home.landing.rglob("data.parquet"))[:2]
    copy.change(first).unlink()
    content = bytearray(copy.change(second).read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    assert_cannot_replay(copy, f"{first} is gone (load ", f"{second} is not what was recorded (load ")


def test_a_publication_whose_file_is_not_what_was_recorded_is_not_compared_with(copy):
    with open(copy.change(copy.shelf.database(2)), "ab") as handle:
        handle.write(b"\0")
    assert_cannot_replay(copy, "is not what was recorded")


def test_a_publication_whose_file_is_gone_cannot_be_compared_with(copy):
    copy.change(copy.shelf.database(2)).unlink()
    os.remove(copy.change(copy.shelf.link))
    assert_cannot_replay(copy, "is no longer there to be compared with")


def test_nothing_stays_behind(copy, tmp_path):
    copy.change(sorted(copy.home.landing.rglob("data.parquet"))[0]).unlink()
    assert plumb(copy.base, "audit", "replay", TMPDIR=str(tmp_path)).returncode == 1
    assert [*tmp_path.iterdir()] == []


def test_the_code_of_the_recorded_commit_replays(published):
    recorded = find_publication(Ledger(published / "demo" / "ledger"), Shelf(published), "1").body[
        "code_commit"
    ]
    if not recorded:
        pytest.skip("the project is not in a git repository")
    code, found = replayed(published, "demo-000001", "--at-commit", "--threads", 4)
    assert found["commit"] == recorded.removesuffix("+")
    assert recorded.endswith("+") or (code, found["same_files"]) == (0, True)
    worktrees = ["git", "-C", str(Project.find().root), "worktree", "list"]
    listed = subprocess.run(worktrees, capture_output=True, text=True, check=True).stdout
    assert "plumbline-code-" not in listed


def test_what_was_held_is_left_out_and_all_else_comes_out(undecided):
    code, found = replayed(undecided.base)
    assert (code, found["publication_id"], found["differences"]) == (0, "demo-000002", [])
    left_out = {table["table"]: table["left_out"] for table in found["tables"]}
    assert left_out["published.indicator_value"] > 500
    assert left_out["published.sales_daily"] > 0
