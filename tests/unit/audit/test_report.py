"""The report of a period tells what the ledger says, and where the ledger says no more."""

import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from plumbline.audit.report import report
from plumbline.audit.report_page import render_report
from plumbline.cli.report import as_csv, tell
from plumbline.errors import StorageError
from plumbline.ledger import GENESIS, FileWitness, Ledger, Record, Witnessing, canonical
from plumbline.project import Home
from plumbline.serving.periods import read_period
from tests.unit.audit.conftest import Audited
from tests.unit.gate.conftest import failed


class Past:
    """A ledger with records of times that the test chooses."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.records: list[Record] = []
        self.witnessing = Witnessing(Ledger(self.home.ledger), (FileWitness("elsewhere", root / "witness"),))

    def add(self, day: str, kind: str, **body) -> None:
        prev = self.records[-1].hash if self.records else GENESIS
        seq, at = len(self.records) + 1, f"{day}T06:00:00.000000Z"
        record = Record(seq, at, kind, canonical(body), prev, "")
        self.records.append(replace(record, hash=record.digest()))
        self.home.ledger.mkdir(parents=True, exist_ok=True)
        lines = b"".join(each.line + b"\n" for each in self.records)
        self.witnessing.ledger.file.write_bytes(lines)

    def hold(self, day: str, *figures: str, table: str = "marts.orders") -> None:
        told = {"table": table, "expected": "cost is never empty", "message": "2 of 12 rows break it"}
        self.add(day, "hold", owner="Finance: controller", figures=list(figures), **told)

    def publication(self, day: str, number: int) -> None:
        name = f"shop-{number:06d}"
        told = {"publication_id": name, "generation": number, "run_id": f"run-{number}", "as_of": day}
        self.add(day, "publication", operator="Li Na", code_commit="c0ffee", holds=0, **told)

    def quality(self, day: str, number: int, **counts) -> None:
        known = {"evaluated": 5, "passed": 4, "failed": 1, "skipped": 2, "error": 0}
        self.add(day, "quality", run_id=f"run-{number}", **known | counts)

    def rows(self, section: str, start: str | None = None, end: str | None = None):
        found = report(self.home, self.witnessing, "shop", read_period(start, end))
        keys = [heading.key for heading in found.section(section).headings]
        return [dict(zip(keys, row, strict=True)) for row in found.section(section).rows]


@pytest.fixture
def past(tmp_path: Path) -> Past:
    past = Past(tmp_path)
    past.publication("2026-06-30", 1)
    past.publication("2026-07-01", 2)
    past.publication("2026-09-30", 3)
    past.publication("2026-10-01", 4)
    return past


def test_both_ends_of_the_period_are_included(past: Past) -> None:
    found = past.rows("publications", "2026-Q3", "2026-Q3")
    assert [row["publication_id"] for row in found] == ["shop-000002", "shop-000003"]
    assert (found[0]["operator"], found[0]["at"], found[0]["record"]) == ("Li Na", "2026-07-01 06:00", 2)


def test_without_a_period_everything_is_told(past: Past) -> None:
    assert len(past.rows("publications")) == 4


def test_publications_that_nobody_saw_are_no_publications(past: Past) -> None:
    past.add("2026-10-01", "heal", what="publication abandoned", publication_id="shop-000004", generation=4)
    assert [row["publication_id"] for row in past.rows("publications", "2026-10")] == []
    assert past.rows("integrity")[0]["what"] == "publication abandoned"


def test_a_hold_lasts_until_its_last_figure_is_released(past: Past) -> None:
    past.hold("2026-10-02", "costs", "margin by product__category")
    past.add("2026-10-04", "release", figures=["costs"])
    (row,) = past.rows("holds")
    assert (row["since"], row["until"], row["figures"]) == ("2026-10-02 06:00", "still held", 2)
    past.add("2026-10-05", "release", figures=["margin by product__category"])
    assert past.rows("holds")[0]["until"] == "2026-10-05 06:00"


@pytest.mark.parametrize(
    ("start", "end", "until"),
    [
        ("2026-10-01", "2026-10-03", ["still held"]),
        ("2026-10-03", "2026-10-03", ["still held"]),
        ("2026-10-04", "2026-10-31", ["2026-10-04 06:00"]),
        ("2026-10-05", "2026-10-31", []),
        ("2026-09-01", "2026-10-01", []),
    ],
)
def test_holds_are_told_as_they_stood_in_the_period(past: Past, start, end, until) -> None:
    past.hold("2026-10-02", "costs")
    past.add("2026-10-04", "release", figures=["costs"])
    assert [row["until"] for row in past.rows("holds", start, end)] == until


WAIVED = {"table": "marts.orders", "expectation": "cost is never empty", "metric": ""}


def test_waivers_are_told_with_who_ended_them(past: Past) -> None:
    told = {"reason": "slips are in", "by": "wang@shop", "until": "2026-11-30", "author": "li@shop"}
    past.add("2026-10-02", "waiver", id="W1", **WAIVED, **told)
    past.add("2026-10-09", "waiver", id="W1", what="ended", by="chen@shop")
    (row,) = past.rows("waivers", "2026-10")
    assert (row["by"], row["author"], row["until"]) == ("wang@shop", "li@shop", "2026-11-30")
    assert row["ended"] == "2026-10-09 06:00 by chen@shop"
    assert past.rows("waivers", "2026-11") == []


def test_restatements_are_counted_and_strategic_ones_told_one_by_one(past: Past) -> None:
    change = {
        "metric": "margin", "grain": "month", "period_start": "2026-06-01", "dimensions": "", "members": "",
        "old_value": "0.5", "new_value": "0.4", "state": "approved", "cause": "late or corrected rows",
        "reason": "an invoice came late", "approved_by": "Wang Fang",
    }  # fmt: skip
    counted = {"metric": "margin", "level": "strategic", "state": "approved", "figures": 3, "largest": "0.2"}
    told = {"publication_id": "shop-000004", "restated_by": "li@shop", "counts": {"approved": 3}}
    past.add("2026-10-02", "restatement", metrics=[counted], digest="d", strategic=[change], **told)
    (row,) = past.rows("restatements")
    assert (row["metric"], row["figures"], row["largest"]) == ("margin", 3, "0.2")
    (item,) = past.rows("strategic")
    assert (item["old"], item["new"], item["approved_by"]) == ("0.5", "0.4", "Wang Fang")


def test_runs_name_what_they_published(past: Past) -> None:
    past.quality("2026-10-01", 4)
    past.quality("2026-10-02", 5, failed=2)
    assert [(row["failed"], row["published"]) for row in past.rows("runs")] == [
        (1, "shop-000004"),
        (2, "nothing"),
    ]


def test_definitions_of_the_beginning_are_told_together(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.add("2026-06-30", "definition", metric="costs", change="new")
    past.add("2026-06-30", "definition", metric="margin", change="new")
    past.publication("2026-06-30", 1)
    past.add("2026-07-01", "definition", metric="margin", change="changed", version="1.1", status="certified")
    told = [(row["metric"], row["change"], row["version"]) for row in past.rows("definitions")]
    assert told == [("2 metrics", "new", ""), ("margin", "changed", "1.1")]


def test_loads_are_counted_by_source_table(past: Past) -> None:
    for number, rows in ((1, 10), (2, 5)):
        past.add("2026-10-01", "load", system="erp", table="product", load=number, sha256="a", rows=rows)
    (row,) = past.rows("loads", "2026-10")
    assert (row["table"], row["loads"], row["rows"]) == ("erp.product", 2, 15)


def test_a_broken_chain_is_told(past: Past) -> None:
    file = past.witnessing.ledger.file
    file.write_bytes(file.read_bytes().replace(b"Li Na", b"Wu Na", 1))
    found = report(past.home, past.witnessing, "shop")
    assert found.broken.startswith("line 1: ")
    assert next(line for line in tell(found) if "does not hold" in line)
    assert "The ledger does not hold" in render_report(found)


def test_what_is_gone_is_told(past: Past) -> None:
    past.quality("2026-10-01", 4)
    notes = " ".join(report(past.home, past.witnessing, "shop").notes)
    assert "Control totals are gone with the generation of shop-000001" in notes
    assert "What single checks found is not told: nothing is published yet." in notes


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2025-01", "2025-01", ""),
        ("2025-04", "2030-03", "The period may not be over: the newest record of the ledger is of "),
        ("2030-01", "2030-03", "Nothing is recorded of this period: the newest record of the ledger is of "),
        ("2030-01", None, ""),
    ],
)
def test_a_period_that_is_not_over_is_said_to_be_so(past: Past, start, end, told) -> None:
    newest = past.records[-1].at[:10]
    found = report(past.home, past.witnessing, "shop", read_period(start, end))
    notes = [note for note in found.notes if "newest record" in note]
    assert notes == ([f"{told}{newest}."] if told else [])


def test_without_a_ledger_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no ledger"):
        report(Home(tmp_path), Witnessing(Ledger(tmp_path / "ledger")), "shop")


@pytest.fixture
def checked(company: Audited) -> Audited:
    """A shop with checks that failed and were skipped, in a run that is recorded."""
    company.checked(
        failed(column="amount", expected="amount is right on 2025-03-10"),
        failed(column="cost", verdict="skipped", message="skipped: no extract"),
        failed(column="order_id", verdict="passed"),
    )
    company.day()
    counts = {"evaluated": 2, "passed": 1, "failed": 1, "skipped": 1, "error": 0}
    company.witnessing.ledger.append("quality", {"run_id": "run", **counts})
    return company


def test_failed_and_skipped_checks_are_counted_by_expectation(checked: Audited) -> None:
    section = report(checked.home, checked.witnessing, "shop").section("checks")
    keys = [heading.key for heading in section.headings]
    rows = [dict(zip(keys, row, strict=True)) for row in section.rows]
    assert [(row["expectation"], row["failed"], row["skipped"]) for row in rows] == [
        ("amount is right on 2025-03-10", 1, 0),
        ("cost is never empty", 0, 1),
    ]


def test_control_totals_add_up(checked: Audited) -> None:
    section = report(checked.home, checked.witnessing, "shop").section("control_totals")
    assert section.rows[1] == ("shop-000001", "erp.sales_order_header", 13, 10, 0, 0, 3, 0)


def test_every_format_says_the_same(checked: Audited) -> None:
    found = report(checked.home, checked.witnessing, "shop")
    told = json.loads(json.dumps(found.as_json()))
    lines = list(csv.reader(as_csv(found).splitlines()))
    page = render_report(found)
    for section in found.sections:
        start = lines.index([section.key]) + 2
        block = lines[start : start + len(section.rows)]
        assert block == [["" if cell is None else str(cell) for cell in row] for row in section.rows]
        assert len(told[section.key]) == len(section.rows)
        assert f'id="{section.key}"' in page
    assert "http" not in page


def test_failed_checks_of_a_long_list_are_not_folded_away(company: Audited) -> None:
    skipped = [
        failed(column=f"c{number}", expected=f"c{number} is right", verdict="skipped") for number in range(50)
    ]
    company.checked(failed(column="amount"), *skipped)
    company.day()
    company.witnessing.ledger.append(
        "quality", {"run_id": "run", "evaluated": 1, "passed": 0, "failed": 1, "skipped": 50, "error": 0}
    )
    page = render_report(report(company.home, company.witnessing, "shop"))
    before, _, folded = page.partition("<summary>50 more rows</summary>")
    assert "amount is never empty" in before
    assert "c49 is right" in folded


def test_the_period_stands_above_the_report(past: Past) -> None:
    found = report(past.home, past.witnessing, "shop", read_period("2026-Q3", "2026-Q3"))
    assert (found.start, found.end) == (date(2026, 7, 1), date(2026, 9, 30))
    assert next(tell(found)) == "Audit report of shop, 2026-07-01 to 2026-09-30"
