"""Refused files: kept once, closed by a decision that the ledger tells."""

import json

import pytest

from plumbline.governance.trust import Person
from plumbline.landing import open_refusals
from plumbline.landing.outcomes import REFUSED, ExtractOutcome
from plumbline.landing.quarantine import Refusal, put_aside
from plumbline.ledger import Ledger
from plumbline.project import Home
from plumbline.quarantine import refused_files, release_file

LI = Person("li.na", "Li Na", "li.na@example.com", ("release",))
SHA = "3fa2c41b77d0" + "0" * 52


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "shop")


def refuse(home, *tables, reason="the workbook is damaged", how="copy"):
    """Refuse one workbook for several tables, each of which wanted a sheet of it."""
    book = home.root / "inbox" / "book.xlsx"
    book.parent.mkdir(parents=True, exist_ok=True)
    book.write_bytes(b"no workbook")
    for number, table in enumerate(tables, start=1):
        outcome = ExtractOutcome(REFUSED, f"book.xlsx#{table}", reason=reason)
        last = how if number == len(tables) else "copy"
        put_aside(home, "erp", Refusal(table, outcome, book, SHA), last)
    return book


def kept(home):
    return sorted(path for path in home.quarantine.rglob("*") if path.is_file() and path.suffix != ".json")


def test_a_workbook_that_three_tables_wanted_is_kept_once_and_is_one_in_the_list(home):
    refuse(home, "order", "line", "shop")
    [file] = refused_files(home)
    assert len(kept(home)) == 1
    assert (file.about, file.mark) == ("erp.line, erp.order, erp.shop", "3fa2c41b77d0")
    assert {refusal.kept for refusal in open_refusals(home)} == {str(path) for path in kept(home)}


def test_a_workbook_that_is_moved_leaves_nothing_behind(home):
    book = refuse(home, "order", "line", how="move")
    assert not book.exists()
    assert len(kept(home)) == 1


def test_sheets_that_are_refused_for_other_reasons_are_told_apart(home):
    refuse(home, "order", reason="no sheet 'order'")
    refuse(home, "line", reason="no sheet 'line'")
    assert [file.tables for file in refused_files(home)] == [("line",), ("order",)]
    assert len(kept(home)) == 1


def test_a_released_file_is_closed_for_every_table_and_stays_where_it_is(home):
    refuse(home, "order", "line")
    ledger = Ledger(home.ledger)
    [file] = refused_files(home)
    record = release_file(ledger, home, LI, file, why="sent twice")
    assert refused_files(home) == []
    assert len(kept(home)) == 1
    assert (record.kind, record.body["what"], record.body["by"], record.body["reason"]) == (
        "release",
        "file",
        "li.na@example.com",
        "sent twice",
    )
    notes = [json.loads(note.read_text()) for note in home.quarantine.rglob("*.json")]
    assert {note["released_by"] for note in notes} == {"li.na@example.com"}


@pytest.mark.parametrize(("reason", "still_open"), [("the workbook is damaged", 0), ("no sheet 'order'", 1)])
def test_a_released_file_is_open_again_only_where_it_is_refused_for_another_reason(home, reason, still_open):
    refuse(home, "order")
    [file] = refused_files(home)
    release_file(Ledger(home.ledger), home, LI, file, why="sent twice")
    refuse(home, "order", reason=reason)
    assert len(refused_files(home)) == still_open
