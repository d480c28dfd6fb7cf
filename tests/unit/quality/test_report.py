"""The report: complete, readable without a network, and safe whatever the data say."""

import re
from datetime import date, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from plumbline.project import Home
from plumbline.quality import CheckResult, StageResult, render_report, write_report
from plumbline.quality.report.evidence import ControlTotal, Load, Reconciliation, Rejection, RunEvidence
from plumbline.quality.report.markup import Html, element, joined, void

SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def check(**given):
    base = {
        "stage": "marts",
        "table": "marts.lines",
        "column": "quantity",
        "expectation": "ExpectColumnValuesToBeBetween",
        "severity": "critical",
        "quality_dimension": "validity",
        "owner": "Sales: head of sales",
        "verdict": "passed",
        "evaluated": 200,
        "unexpected": 0,
        "expected": "quantity is at least 1",
        "message": "0 of 200 rows break it",
        "why": "Nobody sells less than one.",
    }
    return CheckResult(**{**base, **given})


EVIDENCE = RunEvidence(
    loads=(
        Load(
            4, "erp", "lines", "https://erp.example/lines.csv", "append", SHA, 200, True, date(2026, 3, 31),
            datetime(2026, 4, 1, 6, 30),
        ),
    ),
    reconciliation=(Reconciliation("erp", "lines", 210, 200, 4, 3, 3),),
    control_totals=(ControlTotal("erp", "lines", "Amount", Decimal("1234567.500000"), 210, 2),),
    rejections=(Rejection("erp", "lines", 3, "Amount '1.234,56' is not a plain number", "lines.csv", 17),),
)  # fmt: skip


@pytest.fixture
def page(context):
    def rendered(*checks, evidence=EVIDENCE):
        return render_report([StageResult("marts", "run-1", checks)], evidence, context=context)

    return rendered


class Tags(HTMLParser):
    """Collects tags and attributes, and complains about elements that are not closed."""

    VOID = frozenset({"meta"})

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.names = [], [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing_from_elsewhere(page):
    text = page(check(verdict="failed", unexpected=3, examples=({"line_id": 7, "note": None},)), check())
    tags = Tags(text)
    assert not tags.names & {"script", "link", "img", "iframe", "object"}
    assert all(value.startswith("#") for _, name, value in tags.attributes if name in ("href", "src"))
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    assert "@import" not in style[1]
    assert "url(" not in style[1]
    assert "prefers-color-scheme: dark" in style[1]


def test_links_within_the_page_lead_somewhere(page):
    tags = Tags(page(check()))
    places = [value for _, name, value in tags.attributes if name == "id"]
    assert len(places) == len(set(places))
    assert {value[1:] for _, name, value in tags.attributes if name == "href"} <= set(places)


def test_the_verdict_stands_on_top(page):
    failed = page(check(), check(verdict="failed", unexpected=3))
    assert "1 critical expectation failed: what rests on it is held back" in failed
    assert "暂缓发布相关指标" in failed
    warned = page(check(), check(verdict="failed", severity="warning", unexpected=3))
    assert "Fit to be published, with warnings" in warned
    assert "Fit to be published <" in page(check())
    assert "Publication is stopped" in page(
        check(verdict="skipped", message="skipped: no extract of erp.lines")
    )


def test_a_failure_is_shown_with_rows_reason_owner_and_what_to_do(page):
    text = page(
        check(
            verdict="failed",
            unexpected=3,
            message="3 of 200 rows break it",
            examples=({"line_id": 7, "note": None}, {"line_id": 12.5, "note": "中文"}),
            todo="Correct the lines in the ERP.",
            protects=("marts.lines.quantity",),
        )
    )
    failure = text[text.index('id="failures"') : text.index('id="dimensions"')]
    for told in (
        "quantity is at least 1",
        "3 of 200 rows break it",
        ">7<",
        ">empty<",
        "中文",
        "Nobody sells less than one.",
        "Sales: head of sales",
        "Correct the lines in the ERP.",
        "marts.lines.quantity",
    ):
        assert told in failure


def test_what_was_skipped_is_told_with_its_reason_and_never_as_passed(page):
    text = page(
        check(), check(table="marts.leads", verdict="skipped", message="skipped: no extract of crm.lead")
    )
    skipped = text[text.index('id="skipped"') :]
    assert "no extract of crm.lead" in skipped
    assert "marts.leads" in skipped


def test_rows_amounts_and_extracts_are_shown(page):
    text = page(
        check(
            table="staging.base_erp__lines",
            expected="the total of amount, set aside or not, is the control total of Amount",
            unexpected=None,
        )
    )
    assert "adds up" in text
    assert "1.43 %" in text
    assert "1,234,567.5" in text
    assert SHA in text
    assert "not compared" not in text


def test_rows_that_do_not_add_up_stand_out(page):
    lost = RunEvidence(reconciliation=(Reconciliation("erp", "lines", 210, 200, 4, 3, 1),))
    assert "+2 rows" in page(check(), evidence=lost)


def test_every_kind_of_reason_is_shown_with_its_rows_and_an_example(page):
    text = page(check())
    assert "1.234,56" in text
    assert "lines.csv:17" in text
    assert "published.rejected_row" in text


def test_reasons_that_differ_only_in_what_was_found_are_one_kind(con):
    con.execute("create schema quarantine; create schema landing_run")
    con.execute(
        "create table landing_run.loads as select 4 as load, 'lines.csv' as source, 'erp' as system,"
        " 'lines' as table_name, '' as mode, '' as sha256, 9 as rows, true as is_current, null as as_of,"
        " null as landed_at"
    )
    con.execute(
        "create table quarantine.rejected_rows as select * from (values"
        " ('erp', 'lines', 4, 2, '1', 'Amount ''1,5'' is not a plain number'),"
        " ('erp', 'lines', 4, 9, '2', 'Amount ''2,5'' is not a plain number'),"
        " ('erp', 'lines', 4, 5, '3', 'orphan: no kept order 17'))"
        " as rows(system, table_name, load, row_number, row_key, reason)"
    )
    assert RunEvidence.of(con).rejections == (
        Rejection("erp", "lines", 2, "Amount '2,5' is not a plain number", "lines.csv", 9),
        Rejection("erp", "lines", 1, "orphan: no kept order 17", "lines.csv", 5),
    )


def test_text_from_the_data_is_escaped(page):
    wicked = "<script>alert('x')</script>&"
    text = page(
        check(verdict="failed", unexpected=1, examples=({wicked: wicked},), message=wicked, owner=wicked)
    )
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_report_is_written_under_the_run_and_as_the_latest(con, context, tmp_path):
    home = Home(tmp_path / "demo")
    path = write_report(con, home, [StageResult("marts", "run-1", (check(),))], context=context)
    assert path == home.quality / "run-1.html"
    assert path.read_text(encoding="utf-8") == (home.quality / "latest.html").read_text(encoding="utf-8")
    assert sorted(each.name for each in home.quality.iterdir()) == ["latest.html", "run-1.html"]


def test_elements_escape_text_and_attributes_but_not_each_other():
    assert (
        element("p", "a < b", Html("<br>"), ["c", None], class_='"x"')
        == '<p class="&quot;x&quot;">a &lt; b<br>c</p>'
    )
    assert element("details", open=True, hidden=False, aria_label=None) == "<details open></details>"
    assert void("meta", name="x") == '<meta name="x">'
    assert joined(("a", ["b", ["&"]])) == "ab&amp;"


def test_sentences_verdicts_and_dimensions_stand_in_both_languages(page):
    shown = page(check(verdict="failed", unexpected=2, message="2 of 200 rows break it"))
    for english, chinese in (
        ("quantity is at least 1", "quantity 不小于 1"),
        ("2 of 200 rows break it", "200 行中有 2 行不符"),
        ("validity", "规范性"),
        ("critical", "严重"),
    ):
        assert english in shown
        assert chinese in shown
