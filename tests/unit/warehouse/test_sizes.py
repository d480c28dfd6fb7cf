"""How large tables are is known without reading their rows."""

from pathlib import Path

import pytest

from plumbline.compiler.sizes import Members
from plumbline.warehouse import connect
from plumbline.warehouse.sizes import Parts, name_of, sizes_of

ROWS = """
SELECT i AS id, DATE '2024-01-01' + (i // 100)::INTEGER AS day, 'c' || i % 7 AS kind FROM range(3000) r(i)"""
RELATION = '"memory"."main"."sold"'


def test_a_table_knows_its_rows_and_about_how_many_members_its_columns_have() -> None:
    with connect() as con:
        con.execute(f"CREATE TABLE sold AS {ROWS}")
        table = sizes_of(con, "").table(RELATION)
        assert table is not None
        assert table.rows == 3000
        assert table.members("DAY") == Members("DATE", 30)
        assert table.members("kind") == Members("VARCHAR", 7)


def test_files_behind_a_view_tell_their_days_and_members(tmp_path: Path) -> None:
    with connect() as con:
        files = [tmp_path / f"{part}.parquet" for part in ("one", "two")]
        con.execute(
            f"COPY ({ROWS} WHERE i < 1000) TO '{files[0]}'; COPY ({ROWS} WHERE i >= 1000) TO '{files[1]}'"
        )
        con.execute(f"CREATE VIEW sold AS FROM read_parquet({[str(file) for file in files]})")
        table = sizes_of(con, "", {"sold": Parts(files, 3000)}).table(RELATION)
        assert table is not None
        assert table.rows == 3000
        assert table.members("day") == Members("DATE", 30)
        assert table.members("kind") == Members("VARCHAR", 14)
        assert table.members("id") == Members("BIGINT", None)


@pytest.mark.parametrize("relation", ["sold", "memory.main.bought", "memory.main.seen"])
def test_of_other_relations_nothing_is_known(relation: str) -> None:
    with connect() as con:
        con.execute("CREATE VIEW seen AS SELECT 1 AS id")
        assert sizes_of(con, "").table(relation) is None


def test_of_files_that_are_gone_nothing_is_known(tmp_path: Path) -> None:
    with connect() as con:
        con.execute("CREATE VIEW sold AS SELECT 1 AS id")
        assert sizes_of(con, "", {"sold": Parts([tmp_path / "gone.parquet"], 9)}).table(RELATION) is None


def test_what_is_known_is_read_once() -> None:
    with connect() as con:
        con.execute(f"CREATE TABLE sold AS {ROWS}")
        sizes = sizes_of(con, "")
        assert sizes.table(RELATION) is sizes.table(RELATION)


def test_data_of_other_types_have_another_name() -> None:
    with connect() as con:
        con.execute("CREATE TABLE sold (id INTEGER)")
        before = name_of(con, "memory", "main", {"sold": 1000})
        assert name_of(con, "memory", "main", {"sold": 1010}) == before
        assert name_of(con, "memory", "main", {"sold": 9000}) != before
        con.execute("ALTER TABLE sold ALTER id TYPE DOUBLE")
        assert name_of(con, "memory", "main", {"sold": 1000}) != before
