"""What people decide is told where figures are asked for: waivers, and restatements that wait."""

from datetime import UTC, date, datetime, timedelta

import pytest

from plumbline.gate import waived, write_waivers
from plumbline.gate.waive import Waiver
from plumbline.serving import Question, ask, open_generation
from tests.unit.gate.conftest import Company, failed
from tests.unit.gate.test_restate import Days

TODAY = datetime.now(UTC).date()
TOLD = "marts.orders: cost is never empty; waived by Li Na until {} (W1): counted by hand"


@pytest.fixture
def days(company: Company):
    found = Days(company)
    found.publish(as_of=date(2025, 3, 9))
    return found


def answered(company, *metrics, by=(), start=None, end=None):
    with open_generation(company.home, sealed=True) as source:
        answer = ask(company.home, source, Question(metrics, by, start=start, end=end))
        rows = answer.rows()
        return answer.publication.publication_id, rows, answer.notes(rows)


def test_a_metric_whose_past_waits_is_answered_from_before_the_change(days):
    _, before, _ = answered(days.company, "sales")
    days.rewrite()
    days.publish()
    number, rows, notes = answered(days.company, "sales")
    assert (number, rows) == ("shop-000001", before)
    assert "awaits approval" in notes[0]


def test_a_question_about_other_periods_is_answered_from_the_newest_figures(days):
    days.rewrite()
    days.publish()
    of_march = answered(days.company, "sales", start="2025-03-01", end="2025-03-09")
    assert of_march[0] == "shop-000002"


def test_of_several_figures_that_wait_one_that_was_asked_for_is_told(days):
    days.rewrite()
    days.publish()
    ((reason,),) = days.company.published(
        "SELECT reason FROM published.restatement WHERE metric = 'sales' AND grain = 'month'"
        " AND dimensions = ''"
    )
    of_january = {"start": "2025-01-01", "end": "2025-01-31"}
    _, _, notes = answered(days.company, "sales", by=("metric_time__month",), **of_january)
    assert notes[0].partition("UTC: ")[2].partition(" (and ")[0] == reason


def test_a_warning_is_told_beside_what_rests_on_it(company):
    company.day(failed(severity="warning"))
    told = "certified with warnings: marts.orders: cost is never empty: 2 of 12 rows break it"
    notes = answered(company, "costs")[2]
    assert told in notes
    with open_generation(company.home, sealed=True) as source:
        assert ask(company.home, source, Question(("costs",))).verdict == "certified_with_warnings"
        assert ask(company.home, source, Question(("orders",))).verdict == "certified"
    assert answered(company, "orders")[2] == []


def test_a_warning_is_told_beside_the_periods_that_it_is_about(company):
    company.day(failed(severity="warning", broken="order_id = 10", unexpected=1))
    by_month = {"by": ("metric_time__month",)}
    in_february = answered(company, "costs", **by_month, start="2025-02-01", end="2025-02-28")
    in_january = answered(company, "costs", **by_month, start="2025-01-01", end="2025-01-31")
    assert [note for note in in_february[2] if note.startswith("certified with warnings")]
    assert in_january[2] == []


def test_a_waiver_is_told_beside_the_answer(company):
    until = TODAY + timedelta(days=3)
    place = ("marts.orders", "cost is never empty", "", "counted by hand", "Li Na")
    waiver = Waiver("W1", *place, until, "", datetime(2025, 3, 9))
    decision = company.decide(failed(), waivers=[waiver])
    write_waivers(company.con, [waiver], decision, TODAY)
    company.day(waived(failed(), [waiver]))
    _, _, notes = answered(company, "costs")
    assert f"certified with warnings: {TOLD.format(until)}" in notes
    assert answered(company, "orders")[2] == []
