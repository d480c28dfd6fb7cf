"""Since when rows are in quarantine is remembered from run to run."""

from datetime import datetime

import duckdb
import pytest

from plumbline.quarantine import note_seen

NOW = datetime(2026, 5, 1)


class Warehouse:
    """A warehouse that lands a whole snapshot of erp.product each day."""

    def __init__(self):
        self.con = duckdb.connect()
        self.con.execute(
            "create schema quarantine; create schema landing_run;"
            "create table landing_run.loads (load bigint, landed_at timestamp);"
            "create table quarantine.rejected_rows (system varchar, table_name varchar, load bigint,"
            " row_number bigint, row_key varchar, reason varchar)"
        )
        self.load = 0

    def land(self, *rows, **given):
        """Land one load whose `rows` (key, reason) are all that is in quarantine."""
        self.load += 1
        self.con.execute(
            "insert into landing_run.loads values (?, make_timestamp(2026, 4, ?, 0, 0, 0))",
            [self.load, self.load],
        )
        self.con.execute("delete from quarantine.rejected_rows")
        for number, (key, reason) in enumerate(rows, start=1):
            self.con.execute(
                "insert into quarantine.rejected_rows values ('erp', 'product', ?, ?, ?, ?)",
                [self.load, number, key, reason],
            )
        note_seen(self.con, now=NOW, **given)

    def reasons(self, columns="reason, open_rows, day(first_seen), gone_rows, released_rows"):
        return self.con.execute(f"select {columns} from quarantine.reasons order by all").fetchall()


@pytest.fixture
def warehouse():
    return Warehouse()


def test_a_row_that_lands_again_each_day_counts_from_its_first_day(warehouse):
    for _ in range(3):
        warehouse.land(("7", "Price 'x' is not a plain number"))
    assert warehouse.reasons("open_rows, first_load, day(first_seen), newest_load, day(newest_at)") == [
        (1, 1, 1, 3, 3)
    ]


def test_the_same_mistake_with_another_text_is_the_same_reason(warehouse):
    warehouse.land(("7", "Price 'x' is not a plain number"))
    warehouse.land(("7", "Price 'it''s 2.5' is not a plain number"), ("8", "Price '' is not a plain number"))
    assert warehouse.reasons("reason, open_rows, first_load") == [("Price … is not a plain number", 2, 1)]


def test_another_reason_for_the_same_row_counts_from_its_own_day(warehouse):
    warehouse.land(("7", "Price is empty"))
    warehouse.land(("7", "Price is empty"), ("7", "orphan: no kept order 12"))
    assert warehouse.reasons("reason, day(first_seen)") == [
        ("Price is empty", 1),
        ("orphan: no kept order …", 2),
    ]


def test_a_mended_row_is_gone_and_counts_anew_when_it_comes_back(warehouse):
    warehouse.land(("7", "Price is empty"))
    warehouse.land()
    assert warehouse.reasons() == [("Price is empty", 0, None, 1, 0)]
    warehouse.land(("7", "Price is empty"))
    assert warehouse.reasons() == [("Price is empty", 1, 3, 0, 0)]


def test_a_released_row_is_told_apart_from_a_mended_one(warehouse):
    warehouse.land(("7", "conflict: same key and version as load 1 row 2, other content"))
    warehouse.land(released=[("erp", "product", "7")])
    assert warehouse.reasons("open_rows, gone_rows, released_rows") == [(0, 0, 1)]


def test_rows_without_a_readable_key_are_known_by_their_reason(warehouse):
    warehouse.land((None, "ProductID 'a' is not a whole number"))
    warehouse.land(
        (None, "ProductID 'a' is not a whole number"), (None, "ProductID 'b' is not a whole number")
    )
    assert warehouse.reasons("open_rows, first_load") == [(2, 1)]


def test_a_new_warehouse_takes_over_from_the_published_file(warehouse, tmp_path):
    before = tmp_path / "gen-1.duckdb"
    with duckdb.connect(str(before)) as con:
        con.execute(
            "create schema published; create table published.rejected_row as select 'erp' as system,"
            " 'product' as table_name, 'a.csv' as source, 0::bigint as load, 1::bigint as row_number,"
            " '7' as row_key, 'Price is empty' as reason, 0::bigint as first_load,"
            " timestamp '2026-01-05' as first_seen"
        )
    warehouse.land(("7", "Price is empty"), previous=before)
    assert warehouse.reasons("first_load, first_seen") == [(0, datetime(2026, 1, 5))]
