"""Excel workbooks: sheets, dates in all their forms, and what is refused."""

import zipfile
from datetime import date, datetime, time
from io import BytesIO

import pytest
from openpyxl import Workbook
from openpyxl.styles import NamedStyle

HEADER = ["LineID", "Product", "Amount", "OrderDate", "ModifiedDate"]


@pytest.fixture
def shop(shop):
    shop.tables("order_line: {files: book.xlsx, sheet: Lines}")
    return shop


def workbook(*rows, header=HEADER, sheet="Lines", change=None):
    book = Workbook()
    book.active.title = "Cover"
    page = book.create_sheet(sheet)
    for row in [header, *rows] if header else rows:
        page.append(row)
    if change:
        change(book, page)
    content = BytesIO()
    book.save(content)
    return content.getvalue()


def landed(shop, *rows, **options):
    shop.file("book.xlsx", workbook(*rows, **options))
    outcome = shop.land_lines()
    assert outcome.status == "landed", outcome.reason
    return shop.lines("LineID, Product, Amount, OrderDate, ModifiedDate")


def test_values_of_every_kind(shop):
    rows = landed(
        shop,
        [1, "茶 & <tea>", 12.5, date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5)],
        [2, True, 1e-7, None, None],
        [3, "  as it is ", 22080.0, "2018-02-29", "1.234,56"],
    )
    assert rows == [
        ("1", "茶 & <tea>", "12.5", "2026-01-02", "2026-01-02 03:04:05"),
        ("2", "1", "0.0000001", None, None),
        ("3", "  as it is ", "22080", "2018-02-29", "1.234,56"),
    ]


def test_serial_numbers_in_date_columns_are_dates(shop):
    rows = landed(shop, [46054, 46054, 46054, 46054, 46054.5], [1, 1, 1, 20260201, 1999])
    assert rows == [
        ("46054", "46054", "46054", "2026-02-01", "2026-02-01 12:00:00"),
        ("1", "1", "1", "20260201", "1999"),
    ]


def test_a_date_format_on_a_number_column_is_a_slip_and_on_text_a_date(shop):
    rows = landed(shop, [1, date(2026, 2, 1), date(2026, 2, 1), datetime(2026, 2, 1, 8), date(2026, 2, 1)])
    assert rows == [("1", "2026-02-01", "46054", "2026-02-01 08:00:00", "2026-02-01 00:00:00")]


def test_dates_in_custom_formats_and_plain_times(shop):
    def change(book, page):
        page["B2"].number_format = 'yyyy"年"m"月"d"日"'
        page["B3"].number_format = "[Red]0.00"
        page["B4"].number_format = "[h]:mm:ss"

    rows = landed(shop, [1, 46054, 1], [2, 46054, 1], [3, 46054.25, 1], [4, time(6, 30), 1], change=change)
    assert [row[1] for row in rows] == ["2026-02-01", "46054", "2026-02-01 06:00:00", "06:30:00"]


def test_workbooks_that_count_days_from_1904(shop):
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    def change(book, page):
        book.epoch = CALENDAR_MAC_1904

    assert landed(shop, [1, "x", 1, date(2026, 2, 1)], change=change)[0][3] == "2026-02-01"


def test_row_numbers_are_those_of_the_sheet(shop):
    def change(book, page):
        page.insert_rows(1, 2)
        page.insert_rows(5)

    landed(shop, [1, "a", 1], [2, "b", 2], change=change)
    assert shop.lines("_row_number, LineID") == [(4, "1"), (6, "2")]


def test_the_first_sheet_is_read_when_none_is_named(shop):
    shop.tables("order_line: {files: book.xlsx}")
    book = Workbook()
    book.active.append(["LineID", "Amount"])
    book.active.append([1, 2])
    content = BytesIO()
    book.save(content)
    shop.file("book.xlsx", content.getvalue())
    assert shop.land_lines().rows == 1


def test_one_workbook_gives_several_tables(shop):
    shop.tables("order_line: {files: book.xlsx, sheet: Lines}", "shop: {files: book.xlsx, sheet: Shops}")

    def change(book, page):
        shops = book.create_sheet("Shops")
        shops.append(["ShopID", "Group"])
        shops.append([7, "North"])

    shop.file("book.xlsx", workbook([1, "a", 1], change=change))
    result = shop.land()
    assert [(outcome.table, outcome.rows) for outcome in result.outcomes] == [("order_line", 1), ("shop", 1)]
    assert shop.query('select ShopID, "Group" from landing_erp.shop') == [("7", "North")]


def test_a_bad_sheet_does_not_keep_the_others_from_landing(shop):
    shop.tables("order_line: {files: book.xlsx, sheet: Nowhere}", "shop: {files: book.xlsx, sheet: Lines}")
    shop.file("book.xlsx", workbook([1], header=["ShopID"]))
    result = shop.land()
    assert (result["order_line"].status, result["shop"].status) == ("refused", "landed")
    assert "has no sheet 'Nowhere'" in result["order_line"].reason
    assert "A copy is in" in result["order_line"].reason
    assert (shop.data / "book.xlsx").exists()
    again = shop.land()
    assert (again["order_line"].status, again["shop"].status) == ("refused", "unchanged")
    assert len(again.refusals) == 1
    assert "Cover, Lines" in result["order_line"].todo


def damaged(content, member, change):
    """Change one member of a workbook, or add it."""
    result = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as source, zipfile.ZipFile(result, "w") as target:
        for name in source.namelist():
            if name != member:
                target.writestr(name, source.read(name))
        target.writestr(member, change(source.read(member) if member in source.namelist() else b""))
    return result.getvalue()


def formula(book, page):
    page["C2"] = "=1+1"


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", None, "the file has 0 bytes"),
        (workbook([1, "a", 1])[:-100], None, "the workbook is damaged"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 600, None, "old .xls workbook, or one with a password"),
        (b"LineID,Amount\n1,2\n", None, "the workbook is damaged"),
        (workbook(), None, "there is a header, but no rows"),
        (workbook(header=None), None, "sheet 'Lines' is empty"),
        (workbook([1], header=["LineID"]), 1, "required column missing: Amount"),
        (workbook([1, 2, 3], header=["LineID", "Amount", "LineID"]), 1, "the column 'lineid' twice"),
        (workbook([1, 2, 3], header=["LineID", None, "Amount"]), 1, "column 2 of the header has no name"),
        (
            workbook([1, 2], [1, 2, 3], header=["LineID", "Amount"]),
            3,
            "cell C3 has a value in a column without",
        ),
        (workbook([1, "a", None], change=formula), 2, "cell C2 has a formula without a stored result"),
        (
            damaged(
                workbook([1]),
                "xl/workbook.xml",
                lambda xml: b'<!DOCTYPE x [<!ENTITY a "b">]>' + xml[xml.find(b"<w") :],
            ),
            None,
            "a document type",
        ),
        (
            damaged(workbook([1, "a", 1]), "xl/worksheets/sheet2.xml", lambda xml: xml[:-30]),
            None,
            "is damaged",
        ),
    ],
)
def test_what_is_refused_says_why(shop, content, line, reason):
    shop.file("book.xlsx", content)
    outcome = shop.land_lines()
    assert (outcome.status, outcome.extracts[0].line) == ("refused", line)
    assert reason in outcome.reason


def test_a_workbook_that_grows_too_much_is_refused(shop):
    shop.tables("order_line: {files: book.xlsx, sheet: Lines}", extra="    limits: {expanded_megabytes: 1}\n")
    shop.file("book.xlsx", workbook(*([1, "x" * 30_000, 1] for _ in range(50))))
    assert "grows beyond 1 MB when it is decompressed" in shop.land_lines().reason


def test_shared_strings_leave_out_their_reading_aids(shop):
    shared = (
        b"<sst>"
        b"<si><t>LineID</t></si><si><t>Amount</t></si>"
        b'<si><r><t>1</t></r><r><t>2 </t></r><rPh sb="0" eb="1"><t>no</t></rPh></si></sst>'
    )
    content = workbook([1], header=["LineID", "Amount", "Product"])
    sheet = (
        b"<worksheet><sheetData>"
        b'<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>'
        b'<row><c t="s"><v>2</v></c><c><v>7</v></c></row></sheetData></worksheet>'
    )
    content = damaged(content, "xl/sharedStrings.xml", lambda _: shared)
    shop.file("book.xlsx", damaged(content, "xl/worksheets/sheet2.xml", lambda _: sheet))
    assert shop.land_lines().reason == ""
    assert shop.lines("LineID, Amount, _row_number") == [("12 ", "7", 2)]


def test_named_styles_do_not_hide_dates(shop):
    def change(book, page):
        page["B2"].style = NamedStyle("day", number_format="dd/mm/yyyy")

    assert landed(shop, [1, 46054, 1], change=change)[0][1] == "2026-02-01"


def test_a_title_above_the_header_is_told_as_what_it_is_taken_for(shop):
    shop.file("book.xlsx", workbook(["Lines of January"], [], HEADER, [1, "tea", 2, None, None], header=None))
    outcome = shop.land_lines()
    assert (outcome.status, outcome.extracts[0].line) == ("refused", 3)
    assert "The first row with values is the header" in outcome.todo
