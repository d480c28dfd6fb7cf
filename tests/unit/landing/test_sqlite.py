"""SQLite: exact texts, one consistent view, and incremental loads that neither lose nor repeat rows."""

import json
import os
import sqlite3
import time
from contextlib import closing

import pytest

from plumbline.landing.databases import sqlite as reader_module

CREATE = (
    'create table "Order Lines" '
    "(LineID integer, Product text, Amount numeric, OrderDate text, ModifiedDate text)"
)


@pytest.fixture
def shop(shop):
    shop.tables(
        "order_line: {from: Order Lines}", system='connector: database, url: "sqlite:///{data}/erp.sqlite"'
    )
    change(shop, CREATE)
    return shop


@pytest.fixture
def incremental(shop):
    shop.tables(
        "order_line: {from: Order Lines, load: incremental, cursor: ModifiedDate}",
        system='connector: database, url: "sqlite:///{data}/erp.sqlite"',
    )
    return shop


def change(shop, *statements):
    with closing(sqlite3.connect(shop.data / "erp.sqlite")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def insert(shop, *rows):
    with closing(sqlite3.connect(shop.data / "erp.sqlite")) as connection, connection:
        connection.executemany('insert into "Order Lines" values (?, ?, ?, ?, ?)', rows)


def test_values_come_as_their_shortest_exact_text(shop):
    insert(
        shop,
        (1, "  茶 ", 12.5, "2018-02-29", None),
        (2, "20.0", 20.0, "", "x"),
        (3, None, 109846381.399888, None, None),
        (4, "", 0.1 + 0.2, None, None),
        (5, "a", 1e21, None, None),
        (6, "b", "1.234,56", None, None),
        (7, "c", -9007199254740993, None, None),
    )
    assert shop.land_lines().rows == 7
    assert shop.lines() == [
        ("1", "  茶 ", "12.5", "2018-02-29"),
        ("2", "20.0", "20", ""),
        ("3", None, "109846381.399888", None),
        ("4", "", "0.30000000000000004", None),
        ("5", "a", "1000000000000000000000", None),
        ("6", "b", "1.234,56", None),
        ("7", "c", "-9007199254740993", None),
    ]
    assert shop.lines("_row_number")[0] == (1,)


def test_bytes_in_a_blob_column_become_hexadecimal_digits(shop):
    change(shop, 'drop table "Order Lines"', 'create table "Order Lines" (LineID, Amount blob)')
    change(shop, """insert into "Order Lines" values (1, x'dead'), ('2', 'text')""")
    shop.land()
    assert shop.lines("LineID, Amount") == [("1", "DEAD"), ("2", "text")]


def test_text_that_is_no_utf8_is_refused(shop):
    insert(shop, (1, "茶", 1, None, None))
    change(shop, """insert into "Order Lines" values (2, cast(x'b2e8' as text), 1, null, null)""")
    outcome = shop.land_lines()
    assert outcome.status == "refused"
    assert "text in column 'Product' is no UTF-8" in outcome.reason
    assert outcome.extracts[0].line == 2
    assert shop.loads() == []


def test_a_snapshot_is_whole_and_lands_once(shop):
    insert(shop, (1, "tea", 1, None, None))
    assert shop.land_lines().status == "landed"
    assert shop.land_lines().notes == ("the same content as load 1 (Order Lines)",)
    change(shop, 'delete from "Order Lines"')
    insert(shop, (2, "pot", 2, None, None))
    shop.land()
    assert shop.lines("_load, LineID") == [(2, "2")]


def test_an_unchanged_database_is_not_read_again(shop, monkeypatch):
    insert(shop, (1, "tea", 1, None, None))
    hour_ago = time.time() - 3600
    os.utime(shop.data / "erp.sqlite", (hour_ago, hour_ago))
    shop.land()
    monkeypatch.setattr(reader_module.SQLiteReader, "begin", lambda self: pytest.fail("read again"))
    assert shop.land_lines().notes == ("the database has not changed",)


def test_a_table_that_is_named_otherwise_is_looked_for_in_an_unchanged_database(shop):
    insert(shop, (1, "tea", 1, None, None))
    hour_ago = time.time() - 3600
    os.utime(shop.data / "erp.sqlite", (hour_ago, hour_ago))
    shop.land()
    shop.tables(
        "order_line: {from: Order Lnies}", system='connector: database, url: "sqlite:///{data}/erp.sqlite"'
    )
    for _ in range(2):
        outcome = shop.land_lines()
        assert outcome.status == "unavailable"
        assert "Did you mean 'Order Lines'?" in outcome.reason


def test_a_contract_that_asks_for_more_is_held_against_an_unchanged_database(shop):
    insert(shop, (1, "tea", 1, None, None))
    hour_ago = time.time() - 3600
    os.utime(shop.data / "erp.sqlite", (hour_ago, hour_ago))
    shop.land()
    path = shop.project.root / "models" / "staging" / "erp" / "_erp__sources.yml"
    path.write_text(
        path.read_text()
        .replace("{name: Product, ", "{name: Prodcut, ")
        .replace(
            "{name: Prodcut, config: {meta: {type: text}}}",
            "{name: Prodcut, config: {meta: {type: text, required: true}}}",
        )
    )
    assert "required column missing: Prodcut" in shop.land_lines().reason


def test_a_removed_load_is_landed_again_from_an_unchanged_database(shop):
    insert(shop, (1, "tea", 1, None, None))
    hour_ago = time.time() - 3600
    os.utime(shop.data / "erp.sqlite", (hour_ago, hour_ago))
    shop.land()
    shop.loads()[0].directory.rename(shop.home.root / "away")
    assert shop.land_lines().status == "landed"


def test_the_write_ahead_log_counts_as_a_change(shop):
    change(shop, "pragma journal_mode = wal")
    insert(shop, (1, "tea", 1, None, None))
    shop.land()
    with closing(sqlite3.connect(shop.data / "erp.sqlite")) as connection:
        connection.execute("insert into \"Order Lines\" values (2, 'pot', 2, null, null)")
        connection.commit()
        assert shop.land_lines().rows == 2


def test_an_empty_table_is_refused_unless_allowed(shop):
    assert "there is a header, but no rows" in shop.land_lines().reason
    shop.tables(
        "order_line: {from: Order Lines, empty: allow}",
        system='connector: database, url: "sqlite:///{data}/erp.sqlite"',
    )
    assert shop.land_lines().status == "landed"


def test_a_missing_table_and_a_missing_column_are_outcomes(shop):
    shop.tables(
        "order_line: {from: Order Lines}",
        "shop: {from: Nowhere}",
        "visit: {from: Order Lines}",
        system='connector: database, url: "sqlite:///{data}/erp.sqlite"',
    )
    insert(shop, (1, "tea", 1, None, None))
    result = shop.land()
    assert [outcome.status for outcome in result.outcomes] == ["landed", "unavailable", "refused"]
    assert "Nowhere: the database has no such table. See `from` in" in result["shop"].reason
    assert "required column missing: VisitID" in result["visit"].reason
    assert json.loads(shop.quarantined()[0].read_text())["table"] == "visit"


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", "refused", "the file has 0 bytes"),
        (b"LineID,Amount\n", "refused", "is no SQLite database"),
        (None, "unavailable", "the database file cannot be opened"),
    ],
)
def test_a_file_that_is_no_database(shop, content, status, reason):
    path = shop.data / "erp.sqlite"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    outcome = shop.land_lines()
    assert outcome.status == status
    assert reason in outcome.reason


def test_a_cut_off_database_is_refused(shop):
    insert(shop, *((n, "x" * 500, n, None, None) for n in range(200)))
    path = shop.data / "erp.sqlite"
    path.write_bytes(path.read_bytes()[:20_000])
    outcome = shop.land_lines()
    assert outcome.status == "refused"
    assert "damaged" in outcome.reason


def test_an_incremental_load_brings_only_what_is_new(incremental):
    insert(incremental, (1, "tea", 1, None, "2026-01-01"), (2, "pot", 2, None, "2026-01-02"))
    assert incremental.land_lines().rows == 2
    assert incremental.land_lines().notes == ("no new rows",)
    insert(incremental, (3, "cup", 3, None, "2026-01-03"))
    assert incremental.land_lines().rows == 1
    assert incremental.lines("_load, LineID, _row_number") == [(1, "1", 1), (1, "2", 2), (2, "3", 1)]
    cursor = incremental.loads()[1].cursor
    assert (cursor.column, cursor.start, cursor.end) == ("ModifiedDate", "2026-01-02", "2026-01-03")


def test_rows_at_the_last_cursor_value_are_neither_lost_nor_repeated(incremental):
    insert(incremental, (1, "tea", 1, None, "2026-01-02"), (1, "tea", 1, None, "2026-01-02"))
    incremental.land()
    insert(incremental, (1, "tea", 1, None, "2026-01-02"), (2, None, 2, None, "2026-01-02"))
    assert incremental.land_lines().rows == 2
    assert incremental.lines("_load, LineID") == [(1, "1"), (1, "1"), (2, "1"), (2, "2")]
    assert incremental.land_lines().status == "unchanged"


def test_a_corrected_row_comes_again_with_its_new_time(incremental):
    insert(incremental, (1, "tea", 1, None, "2026-01-01"))
    incremental.land()
    change(incremental, """update "Order Lines" set Amount = 5, ModifiedDate = '2026-01-09'""")
    incremental.land()
    assert incremental.lines("_load, LineID, Amount") == [(1, "1", "1"), (2, "1", "5")]


def test_rows_without_a_cursor_value_land_once(incremental):
    insert(incremental, (1, "tea", 1, None, None), (2, "pot", 2, None, "2026-01-01"))
    incremental.land()
    insert(incremental, (3, "cup", 3, None, None))
    assert incremental.land_lines().rows == 1
    assert incremental.land_lines().rows == 0
    assert incremental.lines("LineID") == [("1",), ("2",), ("3",)]


def test_a_column_added_at_the_source_does_not_repeat_the_boundary(incremental):
    insert(incremental, (1, "tea", 1, None, "2026-01-01"))
    incremental.land()
    change(incremental, 'alter table "Order Lines" add column Note text')
    insert_sql = """insert into "Order Lines" values (2, 'pot', 2, null, '2026-01-02', 'new')"""
    change(incremental, insert_sql)
    assert incremental.land_lines().rows == 1
    assert incremental.lines("_load, LineID") == [(1, "1"), (2, "2")]


def test_a_source_that_counts_other_rows_than_arrive_is_refused(shop, monkeypatch):
    insert(shop, (1, "tea", 1, None, None))
    monkeypatch.setattr(reader_module.SQLiteReader, "measure", lambda *_: (2, None))
    outcome = shop.land_lines()
    assert outcome.status == "refused"
    assert "the source counts 2 rows, 1 arrived" in outcome.reason
    assert shop.loads() == []
