import hashlib
import json

import duckdb
import pytest

from plumbline.publication import value_digest
from plumbline.publication.sql import Column

COLUMNS = (Column("id", "INTEGER"), Column("amount", "DECIMAL(18,4)"), Column("name", "VARCHAR"))


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        connection.execute("""
            CREATE TABLE figures AS
            SELECT i::INTEGER AS id, (i * 1.37)::DECIMAL(18, 4) AS amount,
                   CASE WHEN i % 5 > 0 THEN '行' || i % 7 END AS name
            FROM range(300000) r(i)""")
        yield connection


def test_threads_and_row_order_do_not_matter(con):
    digests = set()
    for threads in (1, 2, 4):
        con.execute(f"SET threads = {threads}")
        for order in ("id", "hash(id)", "name, id DESC"):
            digests.add(value_digest(con, f"(FROM figures ORDER BY {order})", COLUMNS))
    assert len(digests) == 1


def test_a_result_that_is_still_open_is_not_in_the_way(con):
    before = value_digest(con, "figures", COLUMNS)
    con.execute("SELECT count(*) FROM figures").fetchone()
    assert value_digest(con, "figures", COLUMNS) == before


def test_the_digest_can_be_computed_without_duckdb():
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE t AS SELECT * FROM (VALUES (2, 1.5, 'a\"\n'), (1, NULL, '中')) v(id, amount, name)"
        )
        con.execute("ALTER TABLE t ALTER amount TYPE DECIMAL(18, 4)")
        rows, digest = value_digest(con, "t", COLUMNS)
    lines = ['["id INTEGER","amount DECIMAL(18,4)","name VARCHAR"]']
    lines += sorted(
        json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        for row in (["2", "1.5000", 'a"\n'], ["1", None, "中"])
    )
    assert (rows, digest) == (2, hashlib.sha256("\n".join(lines).encode()).hexdigest())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE figures SET amount = amount + 0.0001 WHERE id = 7",
        "UPDATE figures SET name = NULL WHERE id = 7",
        "DELETE FROM figures WHERE id = 7",
        "INSERT INTO figures FROM figures WHERE id = 7",
    ],
)
def test_any_change_shows(con, change):
    before = value_digest(con, "figures", COLUMNS)
    con.execute(change)
    assert value_digest(con, "figures", COLUMNS)[1] != before[1]


def test_no_rows_have_a_digest_too(con):
    rows, digest = value_digest(con, "(FROM figures WHERE false)", COLUMNS)
    assert rows == 0
    assert len(digest) == 64
