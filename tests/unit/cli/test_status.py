"""`plumb status` tells of refused extracts that nothing has replaced, whatever the last run said."""

import json

import pytest

from plumbline.cli.main import main

NOTE = {
    "system": "oa",
    "table": "employee",
    "source": "hr.xlsx#Employee",
    "line": None,
    "reason": "the workbook has no sheet 'Employee'",
    "what_to_do": "Its sheets are Staff.",
    "sha256": "1" * 64,
    "refused_at": "2026-01-02T03:04:05+00:00",
}


@pytest.fixture
def status(tmp_path, monkeypatch, capsys):
    """Give a function that writes one note of a refusal, and asks for the status."""
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    folder = tmp_path / "demo" / "quarantine" / "files" / "oa" / "employee"
    folder.mkdir(parents=True)

    def ask(*options, **changes):
        (folder / "1-hr.xlsx.json").write_text(json.dumps({**NOTE, **changes}), encoding="utf-8")
        assert main(["status", *options]) == 0
        return capsys.readouterr().out

    return ask


def test_an_open_refusal_is_told_with_its_day_and_reason(status):
    told = "oa.employee refused since 2026-01-02: hr.xlsx#Employee: the workbook has no sheet 'Employee'."
    assert told in status()
    assert json.loads(status("--format", "json"))["refusals"][0]["source"] == "hr.xlsx#Employee"


def test_sheets_of_a_workbook_that_were_refused_for_one_reason_are_told_once(status, tmp_path):
    reason = {"reason": "the workbook is damaged", "what_to_do": "Ask for it again."}
    folder = tmp_path / "demo" / "quarantine" / "files" / "oa" / "department"
    folder.mkdir(parents=True)
    other = {**NOTE, **reason, "table": "department", "source": "hr.xlsx#Department"}
    (folder / "1-hr.xlsx.json").write_text(json.dumps(other), encoding="utf-8")
    told = status(**reason)
    assert "oa.department, oa.employee refused since 2026-01-02: hr.xlsx: the workbook is damaged." in told
    assert told.count("the workbook is damaged") == 1


def test_a_refusal_that_was_replaced_is_told_no_more(status):
    assert "Attention" not in status(replaced_at="2026-01-03T00:00:00+00:00")
