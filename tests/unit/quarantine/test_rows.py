"""Rows in quarantine: what their reasons mean, how they are released, and how they leave as a file."""

import csv
import json
from dataclasses import replace

import duckdb
import openpyxl
import pytest

from plumbline.errors import UsageError
from plumbline.governance.trust import Person, Trust
from plumbline.ledger import Ledger
from plumbline.project import Home
from plumbline.quarantine import (
    Row,
    advice_on,
    export_rows,
    recorded_releases,
    release_rows,
    released_rows,
)
from plumbline.quarantine.reasons import columns_in, kind_in_sql, kind_of, other_row
from plumbline.spreadsheets import neutral

LI = Person("li.na", "Li Na", "li.na@example.com", ("release",))
TRUST = Trust("shop", people=(LI,))
CONFLICT = "conflict: same key and version as load 1 row 2, other content"
REASONS = {
    "Price 'x' is not a plain number": "Price … is not a plain number",
    "Line1 'it's 3' is not a date; B is empty": "Line1 … is not a date; B is empty",
    "Id 'two\nlines' is not a whole number; B is empty": "Id … is not a whole number; B is empty",
    "orphan: no kept order 12": "orphan: no kept order …",
    "A * B = -100.5 is too large": "A * B = … is too large",
    CONFLICT: "conflict: same key and version as load … row …, other content",
}


def row(number=1, reason=CONFLICT, key="7", table="product"):
    return Row("erp", table, "products.csv", 3, number, key, reason, None)


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_without_what_it_quotes_is_the_same_in_python_and_sql(reason):
    in_sql = duckdb.execute(f"select {kind_in_sql('reason')} from (select ? as reason)", [reason]).fetchone()
    assert (kind_of(reason), in_sql[0]) == (REASONS[reason], REASONS[reason])


def test_the_columns_that_a_reason_complains_of_are_found():
    assert columns_in("Price 'x' is not a plain number; Unit is empty") == ("Price", "Unit")
    assert columns_in("Price 'two\nlines' is not a plain number; Unit is empty") == ("Price", "Unit")
    assert columns_in("UnitPrice * OrderQty = 100 is too large") == ("UnitPrice", "OrderQty")


def test_only_a_conflict_is_the_owners_to_decide():
    assert {reason for reason in REASONS if advice_on(reason).releasable} == {CONFLICT}
    assert all(advice_on(reason).meaning and advice_on(reason).todo for reason in REASONS)


def test_the_other_row_of_a_conflict_is_known():
    assert (other_row(CONFLICT), other_row("Price is empty")) == ((1, 2), None)


def test_a_release_says_who_why_and_which_row(tmp_path):
    ledger = Ledger(tmp_path)
    record = release_rows(ledger, LI, [row()], why="the shop says so")
    assert (record.kind, record.subject) == ("release", "rows erp.product")
    assert (record.body["by"], record.body["reason"]) == ("li.na@example.com", "the shop says so")
    [released] = released_rows(ledger, TRUST)
    assert (released.system, released.table, released.load, released.row_number, released.row_key) == (
        "erp",
        "product",
        3,
        1,
        "7",
    )
    assert released.release == record.seq


def test_releases_of_held_figures_are_no_rows(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append("release", {"figures": ["net_sales"]})
    assert released_rows(ledger, TRUST) == []


@pytest.mark.parametrize(
    "trust",
    [
        Trust("shop"),
        Trust("shop", people=(replace(LI, may=("waive",)),)),
        Trust("shop", people=(LI,), signed=True),
    ],
    ids=["unknown", "may not", "not signed"],
)
def test_a_release_counts_only_while_whoever_made_it_may(trust, tmp_path):
    ledger = Ledger(tmp_path)
    release_rows(ledger, LI, [row()], why="the shop says so")
    assert released_rows(ledger, trust) == []
    assert [each.row_key for each in recorded_releases(ledger)] == ["7"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(reason="Price 'x' is not a plain number")], "there is no value to count"),
        ([row(reason="orphan: no kept order 12")], "belongs to nobody"),
        ([row(1), row(2)], "Rows 3:1, 3:2 have the same key"),
        ([row(), row(table="order")], "one table are released at a time"),
    ],
)
def test_what_cannot_be_used_is_not_released_and_the_error_says_what_to_do(tmp_path, rows, words):
    ledger = Ledger(tmp_path)
    with pytest.raises(UsageError) as caught:
        release_rows(ledger, LI, rows, why="please")
    assert words in str(caught.value)
    assert ledger.head is None


@pytest.mark.parametrize(("text", "safe"), [("=1+1", "'=1+1"), ("-3", "'-3"), ("@a", "'@a"), ("+x", "'+x")])
def test_formulas_are_neutral(text, safe):
    assert (neutral(text), neutral("tea"), neutral(3), neutral(None)) == (safe, "tea", 3, None)


@pytest.fixture
def landed(tmp_path):
    """A load whose Parquet has rows as they came."""
    home = Home(tmp_path / "shop")
    directory = home.landing / "erp" / "product" / "load=3"
    directory.mkdir(parents=True)
    duckdb.execute(
        "copy (select * from (values ('7', '=cmd()', 'x', 1::bigint), ('8', 'tea', null, 2))"
        f" as rows (ProductID, Name, Price, _row_number)) to '{directory / 'data.parquet'}' (format parquet)"
    )
    size = (directory / "data.parquet").stat().st_size
    nothing = {"columns": [], "missing_columns": [], "extra_columns": [], "notes": [], "control_totals": {}}
    texts = dict.fromkeys(("sha256", "content_sha256", "parquet_sha256", "connector", "mode", "company"), "")
    manifest = {
        **nothing,
        **texts,
        **dict.fromkeys(("format", "bytes", "seconds"), 1),
        "load": 3,
        "system": "erp",
        "table": "product",
        "source": "products.csv",
        "rows": 2,
        "as_of": "2026-01-01",
        "landed_at": "2026-01-01T00:00:00",
        "cursor": None,
        "parquet_bytes": size,
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return home


def test_exported_rows_have_every_column_as_it_landed(landed, tmp_path):
    out = tmp_path / "rows.csv"
    assert (
        export_rows(landed, [row(1, "Price 'x' is not a plain number"), row(2, "Price is empty")], out, "csv")
        == 2
    )
    first, second = csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines())
    assert (first["table"], first["source"], first["line"], first["reason"]) == (
        "erp.product",
        "products.csv",
        "1",
        "Price 'x' is not a plain number",
    )
    assert (first["ProductID"], first["Name"], first["Price"]) == ("7", "'=cmd()", "x")
    assert (second["ProductID"], second["Name"], second["Price"]) == ("8", "tea", "")


def test_a_workbook_has_a_sheet_for_each_table_and_no_formula(landed, tmp_path):
    out = tmp_path / "rows.xlsx"
    export_rows(landed, [row(1), row(1, table="order")], out, "xlsx")
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["erp.product", "erp.order"]
    cells = {cell.value: cell.data_type for line in book["erp.product"].iter_rows() for cell in line}
    assert cells["'=cmd()"] == "s"


def test_json_is_for_programs_and_keeps_texts_as_they_are(landed, tmp_path):
    out = tmp_path / "rows.json"
    export_rows(landed, [row(1)], out, "json")
    assert json.loads(out.read_text())[0]["Name"] == "=cmd()"
