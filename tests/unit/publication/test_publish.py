import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from plumbline.errors import LockedError, StorageError
from plumbline.publication import RunFacts, Shelf, compare, current_publication, value_digest
from plumbline.publication.sql import tables_of


def files(home, pattern):
    return sorted(path.name for path in home.published.glob(pattern))


def test_the_first_publication_becomes_current(publisher, home):
    publication = publisher()
    assert os.readlink(home.current) == "gen-000001.duckdb"
    assert publication.path == home.published.resolve() / "gen-000001.duckdb"
    assert publication.publication_id == "demo-000001"
    assert current_publication(home) == publication


def test_a_reader_finds_a_current_generation_at_every_moment_of_a_switch(publisher, home, monkeypatch):
    publisher()
    replace, there = os.replace, []

    def watched(source, target):
        there.append(home.current.exists())
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    publisher.fill(batch=2)
    publisher()
    assert os.readlink(home.current) == "gen-000002.duckdb"
    assert there
    assert all(there)


def test_nothing_is_current_before_the_first_publication(home):
    assert current_publication(home) is None


def test_every_candidate_becomes_a_published_table(publisher):
    publisher()
    tables = {
        row[0]
        for row in publisher.read("FROM duckdb_tables() SELECT table_name WHERE schema_name='published'")
    }
    assert tables == {
        "available_table",
        "extract",
        "indicator",
        "indicator_value",
        "ledger",
        "mart_part",
        "publication",
        "publication_table",
        "quality_result",
        "reconciliation",
        "rejected_row",
        "sales_monthly",
    }
    assert publisher.read("SELECT count(*), sum(net_sales)::VARCHAR FROM published.sales_monthly") == [
        (12, "69.0000")
    ]


def test_rejected_rows_are_published_with_their_file_the_newest_of_them(publisher, monkeypatch):
    monkeypatch.setattr("plumbline.publication.contents.REJECTED_ROWS", 2)
    publisher()
    rows = publisher.read("SELECT table_name, source, load, row_number, reason FROM published.rejected_row")
    assert rows == [
        ("product", "products.csv", 1, 0, "Price is empty"),
        ("product", "products.csv", 1, 1, "Price is empty"),
    ]


def test_every_value_says_who_certified_it_when_and_in_which_publication(publisher):
    publisher()
    rows = publisher.read(
        "SELECT DISTINCT verdict, published_at, publication_id FROM published.indicator_value"
    )
    assert rows == [("certified", datetime(2026, 4, 1, 6), "demo-000001")]


def test_a_verdict_of_its_own_stays_with_the_value(publisher):
    publisher.con.execute(
        "UPDATE candidates.indicator_value SET verdict = 'held' WHERE period_start = '2026-02-01'"
    )
    publisher()
    rows = publisher.read("SELECT verdict, count(*) FROM published.indicator_value GROUP BY ALL ORDER BY ALL")
    assert rows == [("certified", 11), ("held", 1)]


def test_time_is_published_in_utc_whatever_the_session_says(publisher):
    publisher.con.execute("SET TimeZone = 'Asia/Shanghai'")
    publisher(now=datetime(2026, 4, 1, 6, tzinfo=UTC))
    assert publisher.read("SELECT published_at FROM published.publication") == [(datetime(2026, 4, 1, 6),)]


def test_columns_are_explained_in_english_and_chinese(publisher):
    publisher()
    rows = publisher.read("FROM duckdb_columns() SELECT column_name, comment WHERE table_name LIKE 'sales%'")
    assert dict(rows) == {
        "month": "Month · 月. First day of the period.",
        "order_channel": "Channel · 渠道",
        "net_sales": "Net sales (CNY) · 净销售额. Sum of order lines after discount.",
    }


def test_tables_are_explained_in_english_and_chinese(publisher):
    publisher()
    rows = publisher.read("FROM duckdb_tables() SELECT comment WHERE table_name = 'sales_monthly'")
    assert rows == [("Sales by month · 销售月报. One row per month and channel.",)]
    rows = publisher.read(
        "FROM published.available_table SELECT label, label_zh WHERE table_name LIKE 'sales%'"
    )
    assert rows == [("Sales by month", "销售月报")]


@pytest.mark.parametrize(("mart", "key"), [("order_lines", "order_line_id"), ("products", "product_id")])
def test_marts_are_explained_whether_table_or_view(publisher, mart, key):
    publisher()
    rows = publisher.read(
        f"FROM duckdb_columns() SELECT comment WHERE table_name = '{mart}' AND column_name = '{key}'"
    )
    assert rows == [("Its number.",)]
    rows = publisher.read(
        f"FROM published.available_table SELECT kind, description WHERE table_name = '{mart}'"
    )
    assert rows == [("mart", f"One row per {key.removesuffix('_id')}.")]


def test_a_publication_lists_all_before_it(publisher):
    for batch in (1, 2, 3):
        publisher.fill(batch=batch)
        publisher(keep=1)
    rows = publisher.read(
        "SELECT publication_id, generation, row_count FROM published.publication ORDER BY ALL"
    )
    assert [row[:2] for row in rows] == [("demo-000001", 1), ("demo-000002", 2), ("demo-000003", 3)]
    assert publisher.read("SELECT count(DISTINCT publication_id) FROM published.publication_table") == [(3,)]


def test_the_history_survives_a_damaged_generation(publisher, home):
    publisher()
    publisher()
    Shelf(home.published).database(2).write_bytes(b"damaged")
    publisher()
    assert publisher.read("SELECT generation FROM published.publication ORDER BY ALL") == [(1,), (2,), (3,)]


def test_only_the_newest_generations_stay(publisher, home):
    for _ in range(5):
        publisher(keep=2)
    assert files(home, "gen-*.duckdb") == ["gen-000004.duckdb", "gen-000005.duckdb"]
    assert files(home, "gen-*.json") == ["gen-000004.json", "gen-000005.json"]


def test_the_same_values_are_recognised(publisher):
    publisher()
    assert publisher().identical


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE candidates.sales_monthly SET net_sales = net_sales + 0.0001 WHERE net_sales > 10",
        "UPDATE marts.products SET batch = 9",
        "UPDATE marts.order_lines SET net_amount = net_amount + 1 WHERE order_line_id = 7",
        "ALTER TABLE candidates.sales_monthly RENAME COLUMN net_sales TO sales",
    ],
)
def test_one_changed_value_makes_a_difference(publisher, change):
    publisher()
    publisher.con.execute(change)
    assert not publisher().identical


def test_a_changed_definition_makes_a_difference(publisher, home):
    publisher()
    manifest = json.loads(home.semantic_manifest.read_text())
    manifest["metrics"][0]["description"] = "Something else."
    home.semantic_manifest.write_text(json.dumps(manifest))
    assert not publisher().identical


def test_evidence_alone_makes_no_difference(publisher):
    publisher()
    publisher.con.execute("UPDATE quality.result SET expectation = 'unique'")
    assert publisher().identical


def test_an_identical_publication_can_be_left_out(publisher, home):
    first = publisher()
    again = publisher(skip_identical=True)
    assert (again.publication_id, again.is_new) == (first.publication_id, False)
    assert files(home, "gen-*.duckdb") == ["gen-000001.duckdb"]


def test_comparing_writes_nothing(publisher, home):

    publisher()
    draft = compare(publisher.con, home, run=RunFacts("demo", "run-2", date(2026, 3, 31)), large_rows=100)
    assert draft.publication.identical
    assert files(home, "gen-*.duckdb") == ["gen-000001.duckdb"]


def test_the_definitions_travel_with_the_figures(publisher, home):
    publication = publisher()
    copy = Shelf(home.published).definition(publication.definitions_digest)
    assert copy.read_bytes() == home.semantic_manifest.read_bytes()


def test_leftovers_of_an_interrupted_publication_are_removed(publisher, home):
    publisher()
    left = [home.published / ".tmp-99-gen-000002.duckdb", home.published / "gen-000002.duckdb"]
    left += [home.published / "gen-000002.json", home.published / "marts/order_lines/.tmp-99-x.parquet"]
    for path in left:
        path.write_bytes(b"half")
    publication = publisher()
    assert publication.generation == 2
    assert publisher.read("SELECT count(*) FROM published.sales_monthly") == [(12,)]
    assert not list(home.published.rglob(".tmp-*"))


def test_a_second_publisher_is_refused(publisher, home):
    publisher()
    with Shelf(home.published).locked(), pytest.raises(LockedError, match="another process is publishing"):
        publisher()


def test_an_error_leaves_the_old_generation_and_no_rubbish(publisher, home, monkeypatch):
    publisher()

    def fail(*_):
        raise RuntimeError("anything")

    monkeypatch.setattr("plumbline.publication.publisher.write_contents", fail)
    with pytest.raises(RuntimeError):
        publisher()
    assert os.readlink(home.current) == "gen-000001.duckdb"
    assert not list(home.published.glob(".tmp-*"))
    assert publisher.con.execute("SELECT count(*) FROM marts.products").fetchall() == [(1,)]
    monkeypatch.undo()
    assert publisher().generation == 2


def test_a_full_disk_is_said_so(publisher, home, monkeypatch):

    publisher()

    def fill_up(written: Path, path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("plumbline.publication.publisher.settle", fill_up)
    with pytest.raises(StorageError, match="disk is full") as caught:
        publisher()
    assert caught.value.code == "disk-full"
    assert os.readlink(home.current) == "gen-000001.duckdb"
    assert not list(home.published.rglob(".tmp-*"))


def test_the_digests_hold_for_what_is_in_the_file(publisher, home):
    publication = publisher()
    with duckdb.connect(str(publication.path), read_only=True) as reader:
        published = tables_of(reader, reader.execute("SELECT current_database()").fetchone()[0], "published")
        for table in publication.tables:
            if table.schema == "published":
                stamps = {"published_at", "publication_id"}
                columns = [column for column in published[table.name] if column.name not in stamps]
                found = value_digest(reader, f"published.{table.name}", columns)
                assert found == (table.rows, table.digest), table.name


def test_every_column_of_our_own_tables_is_explained(publisher):
    publisher()
    assert (
        publisher.read("""
        SELECT table_name, column_name FROM duckdb_columns()
        WHERE schema_name = 'published' AND comment IS NULL AND column_name NOT IN ('batch', 'success')""")
        == []
    )
