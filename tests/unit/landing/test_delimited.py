"""CSV and TSV: what is read, with which line numbers, and what is refused with which reason."""

import csv as csv_module
import gzip
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbline.landing.files import delimited, inspection
from plumbline.landing.files.delimited import read_delimited
from plumbline.landing.files.inspection import open_text
from plumbline.landing.sources import Limits
from tests.unit.landing.shop import csv

ROWS = [("1", "茶 tea", "12.50", "2026-01-02"), ("2", None, "-3", None)]
TEXT = csv("1,茶 tea,12.50,2026-01-02,2026-01-03 04:05:06", "2,,-3,,")


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("gbk"),
        TEXT.encode("gb18030"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.rstrip("\n").encode(),
        (TEXT + "\n\n").encode(),
        gzip.compress(TEXT.encode("gbk"), mtime=0),
    ],
    ids=["utf-8", "utf-8-bom", "utf-16", "gbk", "gb18030", "crlf", "cr", "no-newline", "blank-end", "gzip"],
)
def test_every_encoding_and_line_end_gives_the_same_rows(shop, content):
    shop.file("lines.csv", content)
    outcome = shop.land_lines()
    assert (outcome.status, outcome.rows, outcome.reason) == ("landed", 2, "")
    assert shop.lines() == ROWS
    assert shop.lines("_row_number") == [(2,), (3,)]


def test_a_declared_encoding_is_taken(shop):
    shop.tables('order_line: {files: "lines*", encoding: cp1252}')
    shop.file("lines.csv", csv("1,café €,1,,").encode("cp1252"))
    shop.land()
    assert shop.lines("Product") == [("café €",)]


def test_western_bytes_are_not_mistaken_for_chinese(shop):
    shop.file("lines.csv", csv("1,tea,1,,", "2,Sánchez,1,,").encode("cp1252"))
    outcome = shop.land_lines()
    assert outcome.status == "refused"
    assert outcome.extracts[0].line == 3
    assert "0xe1 is no UTF-8" in outcome.reason
    assert "encoding: cp1252" in outcome.todo


def test_a_wrong_declared_encoding_is_refused_with_its_line(shop):
    shop.tables('order_line: {files: "lines*", encoding: utf-8}')
    shop.file("lines.csv", TEXT.encode("gbk"))
    assert (shop.land_lines().status, shop.land_lines().status) == ("refused", "missing")


@pytest.mark.parametrize("declared", ["gbk", "gb18030", "GB2312"])
def test_utf8_that_is_declared_to_be_chinese_is_refused_and_not_read_as_other_characters(shop, declared):
    shop.tables(f'order_line: {{files: "lines*", encoding: {declared}}}')
    shop.file("lines.csv", csv("1,茶叶,1,,", "2,咖啡,2,,"))
    outcome = shop.land_lines()
    assert outcome.status == "refused"
    assert f"the file is UTF-8, and not {declared.lower()}" in outcome.reason
    assert "Take `encoding` out" in outcome.todo


def test_declared_chinese_that_passes_as_utf8_by_chance_is_read_as_declared(shop):
    shop.tables('order_line: {files: "lines*", encoding: gb18030}')
    chance = csv("1,模模,1,,").encode("gb18030")
    assert chance.decode("utf-8") != chance.decode("gb18030")
    shop.file("lines.csv", chance)
    shop.land()
    assert shop.lines("Product") == [("模模",)]


def test_a_cut_off_utf16_file_is_refused(shop):
    shop.file("lines.csv", TEXT.encode("utf-16")[:-1])
    assert "is not utf-16" in shop.land_lines().reason


def test_tsv_and_other_delimiters_are_read(shop):
    shop.file("lines.tsv", TEXT.replace(",", "\t"))
    assert shop.land_lines().rows == 2
    shop.tables('order_line: {files: "semi.csv", delimiter: ";"}')
    shop.file("semi.csv", TEXT.replace(",", ";").replace("tea", "cocoa"))
    assert shop.land_lines().rows == 2
    assert shop.lines("Product") == [("茶 cocoa",), (None,)]


def test_a_wrong_delimiter_is_explained(shop):
    shop.file("lines.csv", TEXT.replace(",", ";"))
    assert "see `delimiter` in the sources file" in shop.land_lines().reason


def test_nothing_is_trimmed_or_interpreted(shop):
    shop.file("lines.csv", csv('1, NA ,"1.234,56",2018-02-29,', "２,NULL,nan,01/02/2024,"))
    shop.land()
    assert shop.lines() == [("1", " NA ", "1.234,56", "2018-02-29"), ("２", "NULL", "nan", "01/02/2024")]


def test_row_numbers_are_the_physical_lines_where_records_start(shop):
    shop.file(
        "lines.csv", csv("1,one,1,,", '2,"two\nlines\r\nand three",2,,', "3,three,3,,", '4,"a ""b""",4,,')
    )
    shop.land()
    assert shop.lines("_row_number, LineID") == [(2, "1"), (3, "2"), (6, "3"), (7, "4")]
    assert shop.lines("Product")[1:] == [("two\nlines\r\nand three",), ("three",), ('a "b"',)]


def test_row_numbers_count_blank_lines_between_records(shop):
    shop.file("lines.csv", csv("1,one,1,,", "", '2,"two\n\nlines",2,,', "", "", "3,three,3,,"))
    shop.land()
    assert shop.lines("_row_number, LineID") == [(2, "1"), (4, "2"), (9, "3")]


def test_reordered_columns_are_read_by_name(shop):
    shop.file(
        "lines.csv", csv("9.5,2026-01-01,7,tea,", header="Amount,OrderDate,LineID,Product,ModifiedDate")
    )
    shop.land()
    assert shop.lines() == [("7", "tea", "9.5", "2026-01-01")]


def test_extra_columns_are_kept_and_noted(shop):
    shop.file(
        "lines.csv", csv("1,tea,1,,,x,y", header="LineID,Product,Amount,OrderDate,ModifiedDate,Note,load")
    )
    outcome = shop.land_lines()
    assert outcome.notes == ("not declared: Note, load",)
    load = shop.loads()[0]
    assert load.extra_columns == ("Note", "load")
    assert load.columns[-2:] == ("Note", "source_load")
    assert shop.lines("_load, LineID") == [(1, "1")]


def test_a_missing_optional_column_is_null_and_noted(shop):
    shop.file("lines.csv", csv("1,1", header="LineID,Amount"))
    assert shop.land_lines().notes == ("not in the extract: Product, OrderDate, ModifiedDate",)
    assert shop.lines() == [("1", None, "1", None)]


def test_names_in_other_case_are_taken_as_the_declared_ones(shop):
    shop.file("lines.csv", csv("1,1", header="LINEID, amount "))
    shop.land()
    assert shop.lines() == [("1", None, "1", None)]


@pytest.mark.parametrize(
    ("content", "line", "reason", "todo"),
    [
        (b"", None, "the file has 0 bytes", "again"),
        (csv(), None, "there is a header, but no rows", "empty: allow"),
        (csv("1,2", header="LineID,Amont"), 1, "required column missing: Amount", "Did you mean 'Amont'?"),
        (csv("1", header="Product"), 1, "required columns missing: LineID, Amount", "declares the columns"),
        (
            csv("1,1,1", header="LineID,Amount,LineID"),
            1,
            "the column 'lineid' twice",
            "one column of each name",
        ),
        (csv("1,1,1", header="LineID,Amount,"), 1, "column 3 of the header has no name", "every column"),
        (csv("1,a,1,,", "2,b,2,"), 3, "this line has 4 values, the header has 5 columns", "cut off"),
        (csv("1,a,1,,", "2,b,2,,,", "3,c,3,,"), 3, "this line has 6 values", "in quotes"),
        (csv("1,a,1,,", "2,b,2,,,"), 3, "this line has 6 values", "in quotes"),
        (csv('1,"a\nb",1,,', "2,b,2"), 4, "this line has 3 values", ""),
        (
            csv("1,a,1,,", '2,"b,2,,', "3,c,3,,"),
            3,
            "a quoted value that begins in this record never ends",
            "cut off",
        ),
        (csv("1,a,1,,", "2,b\0,2,,"), 3, "NUL byte", "again"),
        (csv("1,a,1,,").encode("utf-16-le"), 1, "NUL byte", "encoding: utf-16-le"),
        (bytes(range(1, 32)) * 50, 1, "control characters", "right file"),
        (b"\x80\xff\xfe\x81" * 99, 1, "is no UTF-8", "encoding"),
        (
            gzip.compress(csv("1,a,1,,").encode(), mtime=0)[:-9],
            None,
            "the compressed file is cut off",
            "whole file",
        ),
        (
            gzip.compress(csv("1,a,1,,").encode(), mtime=0)[:-4] + b"\0\0\0\0",
            None,
            "compressed file is damaged",
            "again",
        ),
        (gzip.compress(b"", mtime=0), None, "0 bytes once decompressed", "again"),
    ],
)
def test_what_is_refused_says_line_reason_and_what_to_do(shop, content, line, reason, todo):
    shop.file("lines.csv", content)
    outcome = shop.land_lines()
    assert (outcome.status, outcome.extracts[0].line) == ("refused", line)
    assert reason in outcome.reason
    assert todo in outcome.todo
    assert outcome.extracts[0].source == "lines.csv"
    assert shop.loads() == []


def test_a_file_that_is_too_big_is_refused(shop):
    shop.tables('order_line: {files: "lines*"}', extra="    limits: {file_megabytes: 1}\n")
    shop.file("lines.csv", csv("1,a,1,,") + "x" * 2_000_000)
    assert "more than the 1 MB allowed" in shop.land_lines().reason


def test_a_file_that_grows_too_much_when_decompressed_is_refused(shop):
    shop.tables('order_line: {files: "lines*"}', extra="    limits: {expanded_megabytes: 1}\n")
    shop.file("lines.csv.gz", gzip.compress(csv("1,a,1,,").encode() + b"\n" * 5_000_000))
    outcome = shop.land_lines()
    assert "grows beyond 1 MB" in outcome.reason
    assert "expanded_megabytes" in outcome.todo


def test_a_header_only_file_may_be_allowed(shop):
    shop.tables('order_line: {files: "lines*", empty: allow}')
    shop.file("lines.csv", csv())
    assert (shop.land_lines().status, shop.lines()) == ("landed", [])


def test_small_blocks_and_chunks_change_nothing(shop, monkeypatch):
    lines = [f'{i},"p{i}\n{"x" * (i % 50)}",{i}.5,2026-01-01,' for i in range(400)]
    shop.file("lines.csv", csv(*lines, end="\r\n"))
    shop.land()
    expected = shop.lines("LineID, Product, _row_number")
    monkeypatch.setattr(inspection, "CHUNK", 7)
    monkeypatch.setattr(delimited, "_BLOCK", 512)
    shop.file("lines.csv", csv(*lines, "400,,400.5,2026-01-01,", end="\r\n"))
    shop.land()
    assert shop.lines("LineID, Product, _row_number")[:-1] == expected
    assert expected[1] == ("1", "p1\nx", 4)


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters='\n\t,"'), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8))
def test_what_a_csv_writer_writes_is_read_back(tmp_path, rows):
    buffer = io.StringIO()
    csv_module.writer(buffer, quoting=csv_module.QUOTE_ALL).writerows([("a", "b"), *rows])
    (tmp_path / "x.csv").write_text(buffer.getvalue(), encoding="utf-8", newline="")
    extract = read_delimited(open_text(tmp_path / "x.csv", tmp_path, Limits(), None), ",")
    found = [row for batch in extract.batches for row in batch.to_pylist()]
    assert [(row["a"], row["b"]) for row in found] == [(a or None, b or None) for a, b in rows]
    starts = [row["_row_number"] for row in found]
    lines = [2 + sum(1 + (a + b).count("\n") for a, b in rows[:i]) for i in range(len(rows))]
    assert starts == lines
