"""`plumb quarantine` tells what was set aside, and records decisions."""

import json

import duckdb
import pytest

from plumbline.cli.main import main
from plumbline.ledger import Ledger
from plumbline.project import Home

NOTE = {
    "system": "oa",
    "table": "employee",
    "source": "hr.xlsx#Employee",
    "line": None,
    "reason": "the workbook is damaged",
    "what_to_do": "Ask for it again.",
    "sha256": "3fa2c41b77d0" + "1" * 52,
    "refused_at": "2026-01-02T03:04:05+00:00",
}
CONFLICT = "conflict: same key and version as load 3 row 18, other content"
ROWS = [
    ("crm", "customer", "customers.csv", 3, 17, "7", CONFLICT),
    ("crm", "customer", "customers.csv", 3, 20, "9", "Born '1.1.70' is not a date"),
    ("crm", "customer", "customers.csv", 3, 21, "10", "Born '2.1.70' is not a date"),
]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A company with a refused workbook, a conflict and two dates that nobody can read."""
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    monkeypatch.setenv("PLUMBLINE_USER", "li.na")
    home = Home(tmp_path / "demo")
    for table in ("employee", "department"):
        folder = home.quarantine / "files" / "oa" / table
        folder.mkdir(parents=True)
        note = json.dumps({**NOTE, "table": table})
        (folder / "3fa2c41b77d0-hr.xlsx.json").write_text(note, encoding="utf-8")
    home.published.mkdir()
    with duckdb.connect(str(home.current)) as con:
        con.execute(
            "create schema published; create table published.rejected_row (system text, table_name text,"
            " source text, load bigint, row_number bigint, row_key text, reason text, first_load bigint,"
            " first_seen timestamp);"
            "create table published.quarantine_reason as select 'crm' as system, 'customer' as table_name,"
            " reason, open_rows, timestamp '2026-01-05' as first_seen, 1 as first_load, 3 as newest_load,"
            " timestamp '2026-02-05' as newest_at, gone as gone_rows, 0 as released_rows,"
            " 'Sales: head of sales' as owner"
            " from (values ('conflict', 1, 0), ('Born … is not a date', 2, 4), ('Name is empty', 0, 1))"
            " as reasons (reason, open_rows, gone)"
        )
        con.executemany(
            "insert into published.rejected_row values (?, ?, ?, ?, ?, ?, ?, 1, '2026-01-05')", ROWS
        )
    return home


@pytest.fixture
def plumb(home, capsys):
    """Give a function that runs the command, and gives its exit code and what it printed."""

    def run(*arguments):
        code = main(["quarantine", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_files_and_open_reasons_are_listed_with_owner_and_since_when(plumb):
    code, told = plumb("list")
    assert code == 0
    assert "oa.department, oa.employee  hr.xlsx#Employee  2026-01-02" in told
    assert told.count("3fa2c41b77d0") == 1
    assert "Born … is not a date     2  2026-01-05" in told
    assert "Sales: head of sales  open, 4 gone" in told
    assert "Name is empty" not in told


def test_closed_reasons_are_listed_when_asked_for(plumb):
    assert "closed, 1 gone" in plumb("list", "--all")[1]


def test_the_list_is_there_for_programs(plumb):
    content = json.loads(plumb("list", "--format", "json")[1])
    assert content["files"][0]["tables"] == ["department", "employee"]
    assert [group["open_rows"] for group in content["rows"]] == [2, 1]


def test_a_table_shows_one_row_of_each_reason_and_what_to_do(plumb):
    _, told = plumb("show", "crm.customer")
    assert "crm.customer row 3:20, one of 2 with this reason" in told
    assert "plumb quarantine release crm.customer --row 3:17 --because …" in told
    assert "cannot be shown as it landed" in told


def test_a_file_is_shown_by_its_mark(plumb):
    _, told = plumb("show", "3fa2c4")
    assert "the workbook is damaged" in told
    assert "Ask for it again." in told


def test_a_conflict_is_released_with_name_and_reason(plumb, home):
    code, told = plumb("release", "crm.customer", "--row", "3:17", "--because", "the shop says so")
    assert (code, told.splitlines()[0]) == (
        0,
        "1 row of crm.customer released by Li Na: record 1 of the ledger.",
    )
    [record] = Ledger(home.ledger).records("release")
    assert (record.body["by"], record.body["reason"]) == ("li.na@demo.example", "the shop says so")


@pytest.mark.parametrize("user", ["somebody", "nobody@demo.example"])
def test_who_may_not_release_releases_nothing(user, plumb, home, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_USER", user)
    code, told = plumb("release", "crm.customer", "--row", "3:17", "--because", "the shop says so")
    assert code == 2
    assert "Who releases what is in quarantine stands under `people`" in told
    assert Ledger(home.ledger).head is None


def test_rows_that_cannot_be_read_are_not_released(plumb, home):
    code, told = plumb("release", "crm.customer", "--because", "we need them")
    assert code == 2
    assert "there is no value to count" in told
    assert Ledger(home.ledger).head is None


def test_a_released_file_is_told_no_more(plumb):
    assert plumb("release", "3fa2c41b77d0", "--because", "sent twice")[0] == 0
    assert "Refused files" not in plumb("list")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "crm.customr"), "Did you mean 'crm.customer'?"),
        (("show", "crm.customer", "--row", "9:9"), "no row that was asked for is in quarantine"),
        (("show", "crm.customer", "--row", "nine"), "names no row"),
        (("release", "crm.customer", "--because", " "), "a reason has words"),
        (("export", "--out", "rows.pdf"), "nothing writes 'rows.pdf'"),
        (("export", "--out", "nowhere/rows.csv"), "is no directory"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(plumb, arguments, words):
    code, told = plumb(*arguments)
    assert code == 2
    assert words in told


def test_nothing_in_quarantine_is_said(plumb, home):
    home.current.unlink()
    for note in home.quarantine.rglob("*.json"):
        note.unlink()
    assert plumb("list") == (0, "Nothing is in quarantine.\n")


def test_the_list_loads_neither_dbt_nor_the_gate(home):
    import subprocess
    import sys

    code = (
        "import sys; from plumbline.cli.main import main; main(['quarantine', 'list']);"
        "print([name for name in ('dbt', 'dagster', 'great_expectations') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
