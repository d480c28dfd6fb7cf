"""A waiver lets a failed check through for a time, and says so beside the figure."""

import subprocess
from datetime import UTC, date, datetime, timedelta

import pytest

from plumbline.gate import CERTIFIED, HELD, WARNED, Cell, over, read_waivers, standing, waived, write_waivers
from plumbline.gate.waive import end_waiver, new_waiver
from plumbline.governance.people import Involved, sign
from plumbline.governance.trust import Person, Trust
from plumbline.ledger import Ledger
from plumbline.project import Project
from tests.unit.gate.conftest import Company, failed

LI = Person("li", "Li Na", "li@example.com", ("waive",))
WANG = Person("wang", "Wang Fang", "wang@example.com", ("waive",))
TRUST = Trust("shop", people=(LI, WANG))
TODAY = datetime.now(UTC).date()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


def give(ledger, person=LI, trust=TRUST, **changes):
    given = {
        "table": "marts.orders",
        "expectation": "cost is never empty",
        "metric": "",
        "reason": "counted by hand",
        "until": TODAY + timedelta(days=5),
        "involved": [Involved("wang@example.com", "last changed it")],
    }
    return new_waiver(ledger, trust, person, **given | changes)


def state(ledger, trust=TRUST, today=TODAY):
    return [waiver.state(today) for waiver in read_waivers(ledger, trust)]


def test_a_waived_check_warns_and_says_who_answers_for_it(ledger, company: Company):
    waiver = give(ledger)
    decision = company.decide(failed(), waivers=[waiver])
    ruling = decision.rulings[Cell("costs")]
    assert ruling.verdict == WARNED
    assert ruling.reason == (
        "marts.orders: cost is never empty: 2 of 12 rows break it; "
        f"waived by Li Na until {waiver.until} (W1): counted by hand"
    )
    assert decision.held == {}


def test_a_waiver_of_one_metric_lets_only_that_one_through(ledger, company: Company):
    decision = company.decide(failed(), waivers=[give(ledger, metric="costs")])
    assert decision.rulings[Cell("costs")].verdict == WARNED
    assert decision.rulings[Cell("margin")].verdict == HELD


@pytest.mark.parametrize("other", [{"table": "marts.stock"}, {"expectation": "cost is at least 0"}])
def test_a_waiver_of_another_check_lets_nothing_through(ledger, company: Company, other):
    assert company.decide(failed(), waivers=[give(ledger, **other)]).held


def test_a_waived_check_that_touches_no_figure_is_let_through(ledger, company: Company):
    check = failed("marts.nobody_reads", "note")
    assert company.decide(check, waivers=[give(ledger)]).idle == (check,)
    waiver = give(ledger, table=check.table, expectation=check.expected)
    assert company.decide(check, waivers=[waiver]).idle == ()


def test_a_second_check_that_failed_still_holds(ledger, company: Company):
    second = failed(expected="cost is at least 0")
    decision = company.decide(failed(), second, waivers=[give(ledger)])
    assert decision.rulings[Cell("costs")].verdict == HELD
    assert "at least 0" in decision.rulings[Cell("costs")].reason


def test_what_is_waived_is_told_before_other_warnings(ledger, company: Company):
    warning = failed(severity="warning", expected="cost is small")
    decision = company.decide(warning, failed(), waivers=[give(ledger)])
    assert "waived by Li Na" in decision.rulings[Cell("costs")].reason


def test_a_waiver_counts_until_its_last_day(ledger):
    waiver = give(ledger)
    assert state(ledger, today=waiver.until) == ["valid"]
    assert state(ledger, today=waiver.until + timedelta(days=1)) == ["expired"]
    assert standing(read_waivers(ledger, TRUST), waiver.until + timedelta(days=1)) == []


def test_an_ended_waiver_counts_no_more(ledger):
    waiver = give(ledger)
    end_waiver(ledger, WANG, waiver)
    assert state(ledger) == ["ended"]
    assert read_waivers(ledger, TRUST)[0].ended_by == "Wang Fang"


def test_what_a_waiver_let_through_that_is_over_is_told_with_the_hold(ledger, company: Company):
    first = give(ledger)
    give(ledger, expectation="amount is never empty")
    end_waiver(ledger, WANG, first)
    past = over(read_waivers(ledger, TRUST), TODAY)
    assert [waiver.id for waiver in past] == ["W1"]
    ruling = company.decide(failed(), over=past).rulings[Cell("costs")]
    assert ruling.verdict == HELD
    assert ruling.reason == (
        "marts.orders: cost is never empty: 2 of 12 rows break it; "
        f"W1 of Li Na let it through until {TODAY}, and is over"
    )
    again = give(ledger)
    assert company.decide(failed(), waivers=[again], over=past).rulings[Cell("costs")].verdict == WARNED
    other = company.decide(failed(column="amount", expected="amount is at least 0"), over=past)
    assert "W1" not in other.rulings[Cell("sales")].reason
    assert over(read_waivers(ledger, TRUST), TODAY + timedelta(days=9))[0].id == "W3"


def test_who_may_not_waive_any_more_has_waived_nothing(ledger):
    give(ledger)
    assert state(ledger, Trust("shop", people=(WANG,))) == ["void: li@example.com may not waive"]


def test_a_waiver_of_ones_own_does_not_count_however_it_was_written(ledger):
    give(ledger, WANG)
    assert state(ledger) == ["void: Wang Fang had a hand in it"]


def test_a_waiver_that_lasts_too_long_does_not_count(ledger):
    give(ledger, until=TODAY + timedelta(days=93))
    assert state(ledger) == ["void: it is longer than 92 days"]


def test_a_record_that_was_changed_does_not_count(ledger):
    give(ledger)
    ledger.file.write_bytes(ledger.file.read_bytes().replace(b"counted by hand", b"nobody will see"))
    assert state(ledger) == ["void: the record is not what was written"]


def test_where_acts_are_signed_only_a_signed_waiver_counts(ledger, tmp_path, monkeypatch):
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    monkeypatch.setenv("PLUMBLINE_SIGNING_KEY", str(key))
    li = Person("li", "Li Na", "li@example.com", ("waive",), key=key.with_suffix(".pub").read_text().strip())
    trust = Trust("shop", people=(li, WANG), signed=True)
    give(ledger, li, trust)
    give(ledger, li, trust, sign=lambda content: sign(li, content, Project(tmp_path)))
    assert state(ledger, trust) == ["void: Li Na has not signed it", "valid"]


def test_waivers_are_published_with_what_they_let_through(ledger, company: Company):
    company.day()
    waivers = [give(ledger), give(ledger, table="marts.stock")]
    decision = company.decide(failed(), waivers=waivers)
    write_waivers(company.con, waivers, decision, TODAY)
    rows = company.con.execute(
        "SELECT waiver_id, state, metrics, waived_by, author FROM gate.waiver"
    ).fetchall()
    assert rows == [
        ("W1", "valid", "costs, margin, profit", "Li Na", "wang@example.com"),
        ("W2", "valid", None, "Li Na", "wang@example.com"),
    ]


def test_marts_are_not_in_doubt_for_what_is_waived_throughout(ledger):
    assert not waived(failed(), [give(ledger)]).blocks
    assert waived(failed(), [give(ledger, metric="costs")]).blocks
    assert waived(failed(severity="warning"), [give(ledger)]).waived == ""


def test_a_figure_that_no_check_touches_stays_certified(ledger, company: Company):
    assert Cell("orders") not in company.decide(failed(), waivers=[give(ledger)]).rulings
    assert CERTIFIED == "certified"


def test_waivers_are_numbered_in_order(ledger):
    assert [give(ledger).id, give(ledger).id] == ["W1", "W2"]
    assert isinstance(read_waivers(ledger, TRUST)[0].until, date)
