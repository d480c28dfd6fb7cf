from dataclasses import replace
from decimal import Decimal

import pytest

from plumbline.cli.summary import Headline, _domain_table, attention, exit_code, show_change, show_value
from plumbline.cli.text import display_width, paint


def headline(value, previous, unit="count"):
    return Headline("sales", "process", "m", "M", "指标", unit, "2026-01", value, previous, "certified", "")


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (Decimal("1234567.5"), "currency", "1,234,567.50"),
        (Decimal("31465"), "count", "31,465"),
        (0.1234, "ratio", "12.3 %"),
        (None, "ratio", "-"),
        (0.0031, "percentage_points", "0.3 pp"),
        (12.474, "times", "12.47×"),
        (Decimal("2491"), "minutes", "2,491 min"),
        (50.788, "hours", "50.79 h"),
        (Decimal("4.82"), "days", "4.82 days"),
    ],
)
def test_values_are_shown_for_people(value, unit, shown):
    assert show_value(value, unit) == shown


def test_a_share_changes_by_percentage_points():
    assert show_change(headline(0.25, 0.20, "ratio")) == "▲ +5.0 pp"


def test_an_amount_changes_by_percent():
    assert show_change(headline(Decimal(90), Decimal(100))) == "▼ -10.0 %"


def test_no_change_is_shown_without_a_period_before():
    assert show_change(headline(Decimal(90), None)) == ""


def test_a_change_from_zero_has_a_direction_but_no_percent():
    assert show_change(headline(Decimal(5), Decimal(0))) == "▲"


def test_a_light_is_a_word_and_a_colour_only_on_a_terminal(monkeypatch):
    assert paint("amber") == "amber"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint("amber") == "\x1b[33mamber\x1b[0m"
    assert display_width(paint("red")) == 3
    assert paint("") == ""
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("amber") == "amber"


def test_a_target_stands_between_change_and_quality(capsys):
    line = replace(headline(Decimal(90), Decimal(80)), attainment=Decimal("0.9"), light="amber")
    _, _, row = _domain_table("sales", [line])
    assert row.split()[-3:] == ["%", "amber", "certified"]
    assert "90.0 %" in row


def test_a_refused_extract_shows_in_the_exit_code():
    assert exit_code({"landing": [{"status": "landed"}], "refusals": []}) == 0
    assert exit_code({"landing": [{"status": "landed"}, {"status": "refused"}], "refusals": []}) == 4


def record(*landing, refusals=()):
    entries = [
        {"system": "erp", "table": table, "status": status, "reason": reason}
        for table, status, reason in landing
    ]
    return {"landing": entries, "refusals": list(refusals), "findings": [], "failed_expectations": []}


REFUSAL = {
    "system": "oa",
    "table": "employee",
    "source": "hr.xlsx#Employee",
    "line": None,
    "reason": "the workbook has no sheet 'Employee'",
    "todo": "",
    "since": "2026-01-02T03:04:05+00:00",
    "kept": "quarantine/files/oa/employee/1-hr.xlsx",
}


def test_a_refusal_that_nothing_replaced_stays_in_the_exit_code_and_in_the_words():
    later = record(("employee", "absent", "no such file"), refusals=[REFUSAL])
    assert exit_code(later) == 4
    assert list(attention(later))[2:] == [
        "  erp.employee absent: no such file",
        "  oa.employee refused since 2026-01-02: hr.xlsx#Employee: the workbook has no sheet 'Employee'.",
        "    It lies in quarantine/files/oa/employee/1-hr.xlsx; remove it and the note beside it if no other "
        "will come.",
    ]


def test_tables_of_a_system_that_did_not_land_for_one_reason_share_a_line():
    down = record(*((name, "unavailable", "erp: the variable is not set.") for name in ("a", "b", "c")))
    assert list(attention(down)) == [
        "",
        "Attention:",
        "  erp: 3 tables unavailable: erp: the variable is not set.",
    ]
    assert list(attention(record(("a", "landed", "")))) == []
