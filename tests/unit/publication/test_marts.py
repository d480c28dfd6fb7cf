import os
import shutil
from datetime import date

import pytest

from plumbline.project import Home


def parts(home):
    return {path.name: path.stat().st_ino for path in home.published.glob("marts/order_lines/*.parquet")}


def test_a_small_mart_is_a_table_inside_the_generation(publisher):
    publisher()
    kinds = publisher.read("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'")
    assert kinds == [("products",)]


def test_a_big_mart_is_split_by_the_month_of_its_date(publisher, home):
    publication = publisher()
    assert [part.part for part in publication.parts] == ["2026-01", "2026-02", "2026-03"]
    expected = publisher.con.execute("FROM marts.order_lines ORDER BY order_line_id").fetchall()
    assert publisher.read("FROM marts.order_lines ORDER BY order_line_id") == expected


def test_one_new_day_rewrites_only_its_month(publisher, home):
    publisher()
    before = parts(home)
    publisher.con.execute("INSERT INTO marts.order_lines VALUES (9000, '2026-03-31', 1, 5)")
    publisher(keep=1)
    after = parts(home)
    kept = {name for name in before if after.get(name) == before[name]}
    assert {name[:7] for name in kept} == {"2026-01", "2026-02"}
    assert len(after) == 3


def test_rows_in_another_order_are_no_change(publisher, home):
    publisher()
    before = parts(home)
    publisher.con.execute(
        "CREATE OR REPLACE TABLE marts.order_lines AS FROM marts.order_lines ORDER BY hash(order_line_id)"
    )
    assert publisher().identical
    assert parts(home) == before


def test_values_swapped_between_two_rows_are_a_change(publisher):
    publisher()
    publisher.con.execute("""
        UPDATE marts.order_lines SET net_amount = CASE order_line_id WHEN 1 THEN 3.0 ELSE 1.5 END
        WHERE order_line_id IN (1, 2)""")
    assert not publisher().identical


def test_a_mart_of_many_parts_has_the_rows_of_the_warehouse(publisher, home):
    publisher.con.execute(
        "UPDATE marts.order_lines SET order_date = CASE WHEN order_line_id % 9 > 0"
        " THEN DATE '2025-01-01' + (order_line_id * 3)::INTEGER END"
    )
    publication = publisher()
    assert len(publication.parts) > 12
    expected = publisher.con.execute("FROM marts.order_lines ORDER BY order_line_id").fetchall()
    assert publisher.read("FROM marts.order_lines ORDER BY order_line_id") == expected
    assert publisher.con.execute("SHOW DATABASES").fetchall() == [("warehouse",)]


def test_rows_without_a_date_have_a_part_of_their_own(publisher):
    publisher.con.execute("INSERT INTO marts.order_lines VALUES (9000, NULL, 1, 5), (9001, 'infinity', 1, 5)")
    publication = publisher()
    assert publication.parts[-1].part == "undated"
    assert publisher.read("SELECT count(*) FROM marts.order_lines") == [(202,)]


def test_a_big_mart_without_a_date_is_one_part(publisher):
    publisher.con.execute("CREATE TABLE marts.keys AS SELECT i AS key_id FROM range(300) r(i)")
    publication = publisher()
    assert [part.part for part in publication.parts if part.mart == "keys"] == ["all"]
    assert publisher.read("SELECT sum(key_id)::INTEGER FROM marts.keys") == [(44850,)]


def test_a_part_that_was_cut_short_is_written_again(publisher, home):
    publisher()
    damaged = next(home.published.glob("marts/order_lines/2026-02*.parquet"))
    os.truncate(damaged, 100)
    publisher()
    assert publisher.read("SELECT count(*) FROM marts.order_lines") == [(200,)]


def test_parts_that_no_generation_needs_are_removed(publisher, home):
    for batch in (1, 2, 3):
        publisher.fill(batch=batch)
        publisher(keep=2)
    assert len(parts(home)) == 6


def test_the_checksum_of_every_part_is_published(publisher, home):
    import hashlib

    publisher()
    for file, sha256 in publisher.read("SELECT file, sha256 FROM published.mart_part"):
        assert hashlib.sha256((home.published / str(file)).read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize("name", ["it's", "a[b]c", "数据 *"])
def test_odd_directory_names_are_no_trouble(publisher, tmp_path, name):
    publisher.home = Home(tmp_path / name)
    publisher()
    assert publisher.read("SELECT count(*) FROM marts.order_lines") == [(200,)]


def test_dbt_leftovers_are_not_published(publisher):
    publisher.con.execute("CREATE TABLE marts.products__dbt_tmp AS SELECT 1 AS i")
    names = {table.name for table in publisher().tables}
    assert "products__dbt_tmp" not in names


def test_parts_are_dated_by_the_month_they_hold(publisher):
    publisher.con.execute("INSERT INTO marts.order_lines VALUES (9000, ?, 1, 5)", [date(2025, 12, 31)])
    publication = publisher()
    assert {part.part: part.rows for part in publication.parts}["2025-12"] == 1


def test_a_copy_of_small_generation_is_complete_in_itself(publisher, tmp_path):
    import duckdb

    publication = publisher(large_rows=1000)
    shutil.copy(publication.path, tmp_path / "copy.duckdb")
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM marts.order_lines").fetchall() == [(200,)]
