"""Digests of marts tell which months differ, and in which columns."""

import json
from collections.abc import Collection, Iterator

import duckdb
import pytest

from plumbline.warehouse.contents import Contents, any_part, as_json, from_json, inspect_contents

EVERY = ("line_id", "day", "paid_on", "amount", "note")


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("""
            CREATE SCHEMA marts;
            CREATE TABLE marts.lines AS
            SELECT i AS line_id, DATE '2026-01-01' + (i * 10)::INTEGER AS day,
                   DATE '2026-02-01' + (i * 10)::INTEGER AS paid_on, i * 1.5 AS amount, 'none' AS note
            FROM range(9) r(i);
            CREATE TABLE marts.empty (key INTEGER)""")
        yield con


def taken(con: duckdb.DuckDBPyConnection, before: Contents | None = None) -> Contents:
    return inspect_contents(con, {"lines": ["paid_on"]}, before=before)


def changed(
    con: duckdb.DuckDBPyConnection, change: str, columns: Collection[str] = EVERY, time: str = "day"
) -> list[str]:
    before = taken(con)
    con.execute(change)
    now = taken(con, before)
    assert now == taken(con)
    return list(now["lines"].changed(before["lines"], time, columns))


def test_the_same_rows_in_another_order_are_no_change(con):
    assert (
        changed(con, "CREATE OR REPLACE TABLE marts.lines AS FROM marts.lines ORDER BY hash(line_id)") == []
    )


def test_a_changed_row_changes_its_month_only(con):
    assert changed(con, "UPDATE marts.lines SET amount = 0 WHERE line_id = 4") == ["2026-02"]


def test_months_are_those_of_the_date_that_is_asked_for(con):
    assert changed(con, "UPDATE marts.lines SET amount = 0 WHERE line_id = 4", time="paid_on") == ["2026-03"]


def test_a_row_that_moves_changes_both_months(con):
    moved = "UPDATE marts.lines SET day = DATE '2026-03-30' WHERE line_id = 4"
    assert changed(con, moved) == ["2026-02", "2026-03"]


def test_a_month_that_is_gone_has_changed(con):
    assert changed(con, "DELETE FROM marts.lines WHERE day >= DATE '2026-03-01'") == ["2026-03"]


def test_rows_without_a_date_or_with_one_that_never_comes_are_parts(con):
    added = "INSERT INTO marts.lines VALUES (20, NULL, NULL, 1, ''), (21, 'infinity', NULL, 1, '')"
    assert changed(con, added) == ["infinite", "undated"]


def test_only_columns_that_are_asked_for_count(con):
    assert changed(con, "UPDATE marts.lines SET note = 'seen'", columns=("line_id", "amount")) == []


def test_two_rows_that_change_alike_do_not_cancel_each_other(con):
    change = "UPDATE marts.lines SET note = 'seen' WHERE line_id IN (0, 1)"
    assert changed(con, change, columns=("note",)) == ["2026-01"]


def test_two_rows_that_swap_a_value_have_changed(con):
    change = "UPDATE marts.lines SET amount = 1.5 - amount WHERE line_id IN (0, 1)"
    assert changed(con, change, columns=("amount",)) == ["2026-01"]


def test_a_row_that_is_there_twice_is_a_change(con):
    assert changed(con, "INSERT INTO marts.lines FROM marts.lines WHERE line_id = 1") == ["2026-01"]


def test_the_whole_is_the_same_by_every_date(con):
    content = taken(con)["lines"]
    assert sum(part.total for part in content.by["paid_on"]) == content.whole.total


@pytest.mark.parametrize("time", ["day", "paid_on"])
def test_rows_and_hashes_are_those_of_each_date_alone(con, time):
    columns = ", ".join(EVERY)
    alone = con.execute(
        f"SELECT strftime({time}, '%Y-%m'), count(*), sum(hash(hash({columns}))),"
        f" bit_xor(hash(hash(line_id, amount))) FROM marts.lines GROUP BY 1 ORDER BY 1"
    ).fetchall()
    parts = taken(con)["lines"].by[time]
    assert [(part.name, part.rows, part.total, part.columns["amount"]) for part in parts] == alone


MONTHS = ["2025-11", "2025-12", "2026-01", "2026-03", "2026-06", "undated", "infinite"]


@pytest.mark.parametrize("count", range(len(MONTHS) + 1))
def test_months_together_are_the_rows_of_each(con, count):
    chosen = any_part("day", MONTHS[:count])
    con.execute("INSERT INTO marts.lines BY NAME SELECT unnest([NULL, 'infinity'::DATE]) AS day")
    con.execute(
        "INSERT INTO marts.lines BY NAME SELECT unnest(range(DATE '2025-10-30', DATE '2026-07-02',"
        " INTERVAL 1 DAY))::DATE AS day"
    )
    name = (
        "CASE WHEN day IS NULL THEN 'undated'"
        " WHEN isfinite(day) THEN strftime(day, '%Y-%m') ELSE 'infinite' END"
    )
    rows = con.execute(
        f"SELECT count(*) FILTER ({chosen}), count(*) FILTER (list_contains(?, {name})) FROM marts.lines",
        [MONTHS[:count]],
    ).fetchone()
    assert rows[0] == rows[1]


def test_months_that_follow_each_other_are_one_range():
    assert any_part("day", ["2026-02", "2025-12", "2026-01"]) == (
        """"day" >= DATE '2025-12-01' AND "day" < DATE '2026-03-01'"""
    )


def test_an_empty_mart_has_no_rows(con):
    assert taken(con)["empty"].whole.rows == 0


def test_digests_survive_being_written_down(con):
    contents = taken(con)
    assert from_json(json.loads(json.dumps(as_json(contents)))) == contents


def test_digests_of_another_engine_are_not_compared(con):
    assert from_json({**as_json(taken(con)), "engine": "0.1"}) is None
