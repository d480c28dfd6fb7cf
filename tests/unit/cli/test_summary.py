from dataclasses import replace
from decimal import Decimal

import duckdb
import pytest

from plumbline.cli.summary import (
    Headline,
    _domain_table,
    _example,
    attention,
    exit_code,
    read_headlines,
    show_change,
    show_value,
)
from plumbline.cli.text import display_width, paint
from plumbline.project import Home


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


def published(home, *indicators, values):
    home.published.mkdir(parents=True)
    with duckdb.connect(str(home.published / "gen-1.duckdb")) as con:
        con.execute("""
            CREATE SCHEMA published;
            CREATE TABLE published.indicator (name VARCHAR, counted_over VARCHAR, label VARCHAR DEFAULT 'L',
                label_zh VARCHAR DEFAULT 'Z', domain VARCHAR DEFAULT 'sales', level VARCHAR DEFAULT 'process',
                unit VARCHAR DEFAULT 'count', available BOOLEAN DEFAULT true, unavailable_reason VARCHAR);
            CREATE TABLE published.indicator_value (metric VARCHAR, period_start DATE, value INTEGER,
                is_partial BOOLEAN, grain VARCHAR DEFAULT 'month', dimensions VARCHAR DEFAULT '',
                verdict VARCHAR DEFAULT 'certified', attainment INTEGER, light VARCHAR)""")
        con.executemany("INSERT INTO published.indicator (name, counted_over) VALUES (?, ?)", indicators)
        columns = "metric, period_start, value, is_partial"
        con.executemany(f"INSERT INTO published.indicator_value ({columns}) VALUES (?, ?, ?, ?)", values)
    home.current.symlink_to("gen-1.duckdb")


@pytest.mark.parametrize(
    ("counted_over", "before"),
    [
        ("period", "2026-09"),
        ("end of period", "2026-09"),
        ("month to date", "2026-09"),
        ("28 days", "2026-09"),
        ("quarter to date", "2026-07"),
        ("year to date", "2025-10"),
    ],
)
def test_totals_to_date_are_compared_with_the_same_point(tmp_path, counted_over, before):
    months = ["2025-10", "2026-07", "2026-09", "2026-10", "2026-11"]
    values = [("m", f"{month}-01", index, month == "2026-11") for index, month in enumerate(months)]
    published(Home(tmp_path), ("m", counted_over), values=values)
    (line,) = read_headlines(Home(tmp_path))
    assert (line.period, line.value, line.compared_with) == ("2026-10", 3, before)
    assert line.previous == months.index(before)


def test_no_change_is_shown_against_a_partial_period(tmp_path):
    values = [("m", "2026-09-01", 1, True), ("m", "2026-10-01", 9, False)]
    published(Home(tmp_path), ("m", "period"), values=values)
    (line,) = read_headlines(Home(tmp_path))
    assert (line.value, show_change(line), line.compared_with) == (9, "", "")


def test_a_stock_is_told_to_be_that_at_the_end_of_the_month():
    line = replace(headline(5, 4), counted_over="end of period", compared_with="2025-12")
    _, _, row = _domain_table("supply", [line])
    assert "2026-01 end" in row
    assert "2025-12 end" in row


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


def ended(*statuses, severity=None):
    failed = [{"severity": severity}] if severity else []
    landing = [{"status": status} for status in statuses]
    return {"landing": landing, "refusals": [], "failed_expectations": failed}


def test_a_refused_extract_shows_in_the_exit_code():
    assert exit_code(ended("landed")) == 0
    assert exit_code(ended("landed", "refused")) == 4


def test_a_critical_failure_and_a_figure_that_is_held_show_before_all_else():
    assert exit_code(ended("refused", severity="critical")) == 3
    assert exit_code(ended("landed"), holds=True) == 3
    assert exit_code(ended("landed", severity="warning")) == 0


def test_a_critical_failure_that_somebody_waived_holds_nothing_back():
    waived = ended("landed", severity="critical")
    waived["failed_expectations"][0]["waived"] = "waived by Li Na until 2026-12-31"
    assert exit_code(waived) == 0
    waived["failed_expectations"].append({"severity": "critical"})
    assert exit_code(waived) == 3


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
    "kept": "quarantine/files/oa/employee/3fa2c41b77d0-hr.xlsx",
}


def test_a_refusal_that_nothing_replaced_stays_in_the_exit_code_and_in_the_words():
    later = record(("employee", "absent", "no such file"), refusals=[REFUSAL])
    assert exit_code(later) == 4
    assert list(attention(later))[2:] == [
        "  erp.employee absent: no such file",
        "  oa.employee refused since 2026-01-02: hr.xlsx#Employee: the workbook has no sheet 'Employee'.",
        "    It lies in quarantine/files/oa/employee/3fa2c41b77d0-hr.xlsx.",
        "    If no other will come: plumb quarantine release 3fa2c41b77d0 --because …",
    ]


def test_tables_of_a_system_that_did_not_land_for_one_reason_share_a_line():
    down = record(*((name, "unavailable", "erp: the variable is not set.") for name in ("a", "b", "c")))
    assert list(attention(down)) == [
        "",
        "Attention:",
        "  erp: 3 tables unavailable: erp: the variable is not set.",
        "    a, b, c",
    ]
    assert list(attention(record(("a", "landed", "")))) == []


def test_the_example_to_look_at_next_has_a_figure():
    there, empty = headline(1, None), headline(None, None)
    known = replace(there, metric="net_sales")
    assert _example([empty, there]) == "m"
    assert _example([there, known]) == "net_sales"
    assert _example([there, replace(empty, metric="net_sales")]) == "m"
    assert _example([]) == "net_sales"
