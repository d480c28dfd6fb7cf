"""A rewritten past and a conflict between two rows: the old figures stay until those who may have decided."""

import json
import re
import shutil
from dataclasses import replace

import duckdb
import psycopg
import pytest

from tests.end_to_end.test_run import published
from tests.end_to_end.undecided import COST, LI, WAIVED, WANG
from tests.end_to_end.young import assert_proved, home_of, ledger_of
from tests.postgres import running

FIGURE = """
select value, verdict, reason from published.indicator_value
where metric = 'net_sales' and grain = 'month' and dimensions = '' and period_start = $month"""
MONTH_OF_TABLE = "select net_sales__verdict from published.sales_monthly where month = $month"
RESTATED = """
select old_value, new_value, approved_by, restated_by, reason from published.restatement
where metric = 'net_sales' and grain = 'month' and dimensions = '' and period_start = $month"""
CAMPAIGN_COST = """
select sum(value) from published.indicator_value
where metric = 'campaign_cost' and grain = 'year' and dimensions = ''"""
ON_COSTS = {"campaign_cost", "campaign_budget_use", "cost_per_lead"}
CONFLICTS = """
select open_rows, gone_rows, released_rows from published.quarantine_reason
where table_name = 'campaign' and reason like 'conflict%'"""


def ask(company, sql, **given):
    with duckdb.connect(str(home_of(company.base).current.resolve()), read_only=True) as con:
        return con.execute(sql, given).fetchall()


def figure(company, month):
    [found] = ask(company, FIGURE, month=month)
    return found


@pytest.fixture(scope="module")
def company(undecided, tmp_path_factory):
    """A copy, in which all is decided in the end."""
    base = shutil.copytree(undecided.base, tmp_path_factory.mktemp("decided") / "home", symlinks=True)
    return replace(undecided, base=base)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with running(tmp_path_factory) as address:
        yield address


@pytest.fixture(scope="module")
def again(company):
    """What another run tells before anything is decided."""
    return company.run(user=WANG, code=3)


@pytest.fixture(scope="module")
def decided(company, again, postgres):
    """What is told to those who decide, and by the run after it, which publishes into PostgreSQL, too."""
    shown = ("show", "crm.campaign", "--reason", "conflict", "--format", "json")
    [row] = json.loads(company.told("quarantine", *shown))
    place = f"{row['load']}:{row['row_number']}"
    release = ("quarantine", "release", "crm.campaign", "--row", place, "--because", "Paid it")
    approve = ("restatement", "approve", "all", "--reason")
    told = {
        "releasable": row["releasable"],
        "nobody": company.told(*release, user="somebody", code=2),
        "mine": company.told(*approve, "it was me", user=WANG, code=2),
    }
    company.told(*release)
    company.told(*approve, "entered at half price")
    return told | {"run": company.run(PLUMBLINE_POSTGRES_URL=postgres)}


def held(company):
    return dict(ask(company, "select distinct metric, last_good from published.hold"))


def test_what_a_failed_check_touches_is_held_and_the_rest_is_published(undecided, young):
    assert "Traceback" not in undecided.words
    _, _, told = undecided.words.partition("Held back: ")
    assert "campaign" in told
    assert "the last good figures are shown, of demo-000001" in told
    assert re.search(r"e\.g\. load \d+, row_number 1, row_key 100, reason conflict: same key", told)
    kept_back = held(undecided)
    assert kept_back.keys() >= ON_COSTS
    assert kept_back.keys().isdisjoint({"headcount", "orders", "work_orders", "purchase_spend", "tickets"})
    assert set(kept_back.values()) == {"demo-000001"}
    before, now = published(young.base), published(undecided.base)
    assert [row for row in now if row[0] in ON_COSTS] == [row for row in before if row[0] in ON_COSTS]
    assert "held since" in undecided.told("query", "campaign_cost")
    assert ", certified" not in undecided.told("query", "campaign_cost")
    assert ", certified" in undecided.told("query", "orders")
    assert "Held back: " in undecided.told("status")


def test_a_waiver_lets_one_metric_through_and_stands_beside_it(undecided):
    assert WAIVED not in held(undecided)
    shown = "select distinct verdict, reason like '%waived by Li Na%' from published.indicator_value"
    assert ask(undecided, f"{shown} where metric = $metric and reason is not null", metric=WAIVED) == [
        ("certified_with_warnings", True)
    ]
    assert "waived by Li Na" in undecided.told("query", WAIVED)
    [waiver] = json.loads(undecided.told("waiver", "list", "--format", "json"))
    assert (waiver["metric"], waiver["state"]) == (WAIVED, "valid")


def test_a_run_without_news_still_says_by_its_exit_code_what_is_held(again):
    assert "Nothing new" in again


def test_a_rewritten_past_is_held_until_somebody_else_has_approved_it(undecided, young):
    old, *_ = figure(young, undecided.month)
    shown, verdict, reason = figure(undecided, undecided.month)
    assert (shown, verdict) == (old, "held")
    assert "awaits approval by someone other than Wang Fang" in reason
    assert ask(undecided, MONTH_OF_TABLE, month=undecided.month) == [("held",)]
    status = json.loads(undecided.told("status", "--format", "json"))
    assert "net_sales" in {each["metric"] for each in status["restatements"]}


def test_who_rewrote_the_past_may_not_approve_it(decided):
    assert "[not-allowed]" in decided["mine"]


def test_an_approved_past_is_published_with_who_approved_it(company, decided, young):
    old, *_ = figure(young, company.month)
    new, verdict, _ = figure(company, company.month)
    assert verdict.startswith("certified")
    assert abs(new / old - 2) < 0.1
    assert ask(company, RESTATED, month=company.month) == [(old, new, "Li Na", WANG, "entered at half price")]
    given = [record.seq for record in ledger_of(company.base).records("approval")]
    *_, before, publication = [record.body for record in ledger_of(company.base).records("publication")]
    assert (before["approvals"], publication["approvals"]) == ([], given)
    assert given


def test_a_conflict_holds_what_rests_on_it(undecided, young):
    assert ask(undecided, CAMPAIGN_COST) == ask(young, CAMPAIGN_COST)


def test_a_released_row_lets_go_what_the_conflict_held_and_the_ledger_says_who_wanted_it(
    company, decided, second_day
):
    assert decided["releasable"]
    assert "[unknown-person]" in decided["nobody"]
    [(cost,)] = ask(second_day, CAMPAIGN_COST)
    assert ask(company, CAMPAIGN_COST) == [(cost + COST,)]
    released, let_go = [record.body for record in ledger_of(company.base).records("release")]
    assert (released["by"], released["reason"]) == (LI, "Paid it")
    assert "campaign_cost" in str(let_go)
    assert ask(company, CONFLICTS) == [(0, 0, 1)]
    assert "closed, 1 released" in company.told("quarantine", "list", "--all")


def test_a_run_that_publishes_brings_it_to_postgresql_at_once(company, decided, postgres):
    assert re.search(r"^ +postgres +\d", decided["run"], re.MULTILINE)
    with psycopg.connect(postgres) as con:
        assert con.execute("SELECT max(generation) FROM published.publication").fetchone() == (3,)
    checked = company.told("push", "--check", PLUMBLINE_POSTGRES_URL=postgres)
    assert checked == "Every table in PostgreSQL is that of the published generation.\n"


def test_what_was_decided_is_not_asked_again(company, decided):
    assert "Nothing new" in company.run()
    assert_proved(company.base)
