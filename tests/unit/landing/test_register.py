"""What the warehouse sees of the landing."""

import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal

from plumbline.landing import ReleasedRow, changed_tables, load_sources, note_built, register
from plumbline.project import Home
from plumbline.warehouse import connect
from tests.unit.landing.shop import AS_OF, Shop, csv


def test_every_declared_table_has_a_view_of_exactly_its_columns(shop):
    columns = shop.query(
        "select table_name, column_name, data_type from information_schema.columns "
        "where table_schema = 'landing_erp' order by table_name, ordinal_position"
    )
    assert [row for row in columns if row[0] == "shop"] == [
        ("shop", "ShopID", "VARCHAR"),
        ("shop", "Group", "VARCHAR"),
        ("shop", "_load", "BIGINT"),
        ("shop", "_row_number", "BIGINT"),
    ]
    assert {row[0] for row in columns} == {"order_line", "shop", "visit"}
    assert shop.query("select * from landing_erp.visit") == []


def test_loads_with_differing_columns_are_read_together(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    shop.file("lines_1.csv", csv("1,1", header="LineID,Amount"))
    shop.file("lines_2.csv", csv("tea,2,2,x", header="Product,Amount,LineID,Note"))
    shop.file("lines_3.csv", csv("3,3", header="LineID,Amount"))
    shop.land()
    assert shop.lines("_load, LineID, Product, Amount") == [
        (1, "1", None, "1"),
        (2, "2", "tea", "2"),
        (3, "3", None, "3"),
    ]


def test_the_columns_that_a_load_lacks_are_told(shop):
    shop.file("lines.csv", csv("1,1", header="LineID,Amount"))
    shop.land()
    told = shop.query("select system, table_name, column_name from landing_run.missing_columns")
    assert ("erp", "order_line", "Product") in told
    assert "LineID" not in {column for _, _, column in told}


def test_hundreds_of_loads_are_read_together(shop):
    shop.tables('order_line: {files: "lines*", load: append}')
    for number in range(300):
        header = "LineID,Amount" if number % 2 else "Amount,LineID,Product"
        shop.file(
            f"lines_{number:03}.csv", csv(f"{number},1" if number % 2 else f"1,{number},x", header=header)
        )
    shop.land()
    assert shop.query("select count(*), max(_load), sum(LineID::int) from landing_erp.order_line") == [
        (300, 300, 300 * 299 // 2)
    ]
    assert shop.query("select LineID from landing_erp.order_line where _load > 299") == [("299",)]


def test_the_run_tables_tell_the_context_the_loads_and_the_control_totals(shop):
    shop.file("lines.csv", csv("1,tea,1.25,,", "2,pot,x,,", "3,cup,,,"))
    shop.land()
    assert shop.query("select * from landing_run.context") == [("shop", AS_OF, "run-1")]
    ((load, system, table, source, mode, digest, rows, current, as_of, landed_at, extract_rows),) = (
        shop.query("select * from landing_run.loads")
    )
    assert (load, system, table, source, mode, rows, current) == (
        1,
        "erp",
        "order_line",
        "lines.csv",
        "snapshot",
        3,
        True,
    )
    assert (len(digest), as_of, type(landed_at), extract_rows) == (64, AS_OF, datetime, 3)
    assert shop.query("select * from landing_run.control_totals") == [
        (1, "erp", "order_line", "Amount", Decimal("1.250000"), 2, 1)
    ]


def test_a_table_that_the_company_no_longer_lists_is_empty(shop):
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    shop.tables("shop: {files: shop.csv}")
    assert shop.lines() == []
    assert shop.query("select is_current from landing_run.loads") == [(False,)]


def test_registering_again_replaces_what_was_there(shop):
    sources = load_sources(shop.project, "shop")
    with connect() as connection:
        for run in ("run-1", "run-2"):
            register(connection, shop.home, shop.project, sources, date(2026, 1, 1), run)
        assert connection.execute("select run_id from landing_run.context").fetchall() == [("run-2",)]


def test_tables_whose_loads_are_not_those_that_models_were_built_from_have_changed(shop):
    shop.tables('order_line: {files: "lines*"}', "shop: {files: shop.csv}")
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.file("shop.csv", "ShopID\n1\n")
    with connect() as connection:

        def show():
            shop.land()
            sources = load_sources(shop.project, "shop")
            register(connection, shop.home, shop.project, sources, AS_OF, "run-1")
            return changed_tables(connection)

        assert show() is None
        note_built(connection)
        assert show() == set()
        shop.file("lines.csv", csv("1,tea,2,,"))
        assert show() == {("erp", "order_line")}
        shop.tables('order_line: {files: "lines*"}')
        assert show() == {("erp", "order_line"), ("erp", "shop")}


def test_a_home_with_glob_characters_in_its_path(tmp_path):
    shop = Shop(tmp_path)
    shop.home = Home(tmp_path / "it's [a] home? *")
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    assert shop.lines("LineID, _load") == [("1", 1)]


def test_importing_landing_loads_no_heavy_library():
    code = "import sys, plumbline.landing; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pyarrow", "duckdb", "sqlalchemy", "dlt", "requests", "openpyxl", "yaml"}.isdisjoint(
        done.stdout.split()
    )


def test_a_released_row_is_found_wherever_its_content_lands(shop):
    sources = load_sources(shop.project, "shop")
    shop.tables('order_line: {files: "lines*"}')
    shop.file("lines.csv", csv("1,tea,1,,", "1,tea,2,,"))
    shop.land()
    shop.file("lines.csv", csv("0,cup,1,,", "1,tea,2,,", "1,tea,1,,"))
    shop.land()
    released = [
        ReleasedRow("erp", "order_line", 1, 3, "1", 9),
        ReleasedRow("erp", "order_line", 77, 1, "", 10),
    ]
    with connect() as connection:
        register(connection, shop.home, shop.project, sources, AS_OF, "run-1", released)
        found = connection.execute(
            "select table_name, load, row_number, release from landing_run.released_rows"
        ).fetchall()
        numbers = connection.execute(
            "select Amount from landing_erp.order_line where _load = 2 and _row_number = ?", [found[0][2]]
        ).fetchall()
    assert (len(found), found[0][:2], found[0][3]) == (1, ("order_line", 2), 9)
    assert numbers == [("2",)]


def test_tables_of_which_rows_were_released_have_changed(shop):
    sources = load_sources(shop.project, "shop")
    shop.file("lines.csv", csv("1,tea,1,,"))
    shop.land()
    row = shop.query("select _row_number from landing_erp.order_line")[0][0]
    with connect() as connection:
        register(connection, shop.home, shop.project, sources, AS_OF, "run-1")
        note_built(connection)
        released = [ReleasedRow("erp", "order_line", 1, row, "1", 9)]
        register(connection, shop.home, shop.project, sources, AS_OF, "run-2", released)
        assert changed_tables(connection) == {("erp", "order_line")}
