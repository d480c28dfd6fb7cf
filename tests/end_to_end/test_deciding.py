"""A rewritten past and a conflict between two rows: the old figures stay until those who may have decided."""

import json
import re
import shutil
import sqlite3

import duckdb
import psycopg
import pytest

from tests.end_to_end.conftest import plumb
from tests.end_to_end.young import DAYS, assert_proved, home_of, ledger_of
from tests.postgres import running

COST = 1_000_000
LI, WANG = "li.na@demo.example", "wang.fang@demo.example"
FIGURE = """
select value, verdict, reason from published.indicator_value
where metric = 'net_sales' and grain = 'month' and dimensions = '' and period_start = '{month}'"""
MONTH_OF_TABLE = "select net_sales__verdict from published.sales_monthly where month = '{month}'"
RESTATED = """
select old_value, new_value, approved_by, restated_by, reason from published.restatement
where metric = 'net_sales' and grain = 'month' and dimensions = '' and period_start = '{month}'"""
CAMPAIGN_COST = """
select sum(value) from published.indicator_value
where metric = 'campaign_cost' and grain = 'year' and dimensions = ''"""
CONFLICTS = """
select open_rows, gone_rows, released_rows from published.quarantine_reason
where table_name = 'campaign' and reason like 'conflict%'"""


def ask(base, sql):
    with duckdb.connect(str(home_of(base).current.resolve()), read_only=True) as con:
        return con.execute(sql).fetchall()


def rewrite(database):
    """Double the orders of a month long past; gives its first day."""
    con = sqlite3.connect(database)
    months = "select strftime('%Y-%m', max(OrderDate), 'start of month', '-3 months'), {} from {}"
    later = "datetime(max(ModifiedDate), '+1 second')"
    [(month, now)] = con.execute(months.format(later, "Sales_SalesOrderHeader")).fetchall()
    orders = (
        "SalesOrderID in (select SalesOrderID from Sales_SalesOrderHeader where substr(OrderDate, 1, 7) = ?)"
    )
    with con:
        for change in (
            "Sales_SalesOrderDetail set UnitPrice = 2 * UnitPrice, LineTotal = 2 * LineTotal",
            "Sales_SalesOrderHeader set SubTotal = 2 * SubTotal, TotalDue = TotalDue + SubTotal",
        ):
            con.execute(f"update {change}, ModifiedDate = ? where {orders}", (now, month))
    con.close()
    return f"{month}-01"


def send_twice(path):
    """Send one campaign twice: with a cost that is wrong, and then as it was."""
    first, *others = path.read_text(encoding="utf-8").splitlines()
    campaign = json.loads(first)
    other = json.dumps({**campaign, "Cost": campaign["Cost"] + COST}, ensure_ascii=False)
    path.write_text("\n".join([other, first, *others]) + "\n", encoding="utf-8")


class Company:
    """A company whose second day brings both, and the commands that are given to it."""

    def __init__(self, young, place):
        self.base, self.extracts = place / "home", place / "extracts"
        shutil.copytree(young.base, self.base, symlinks=True)
        shutil.copytree(young.extracts[DAYS[1]], self.extracts)
        self.month = rewrite(self.extracts / "erp.sqlite")
        send_twice(self.extracts / "crm" / "Crm_Campaign.jsonl")

    def ask(self, sql):
        return ask(self.base, sql.format(month=self.month))

    def told(self, *arguments, user=LI, code=0, **environment):
        done = plumb(*arguments, home=self.base, PLUMBLINE_USER=user, **environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, **given):
        return self.told("run", "--as-of", DAYS[1], "--data", self.extracts, **given)


@pytest.fixture(scope="module")
def company(young, tmp_path_factory):
    return Company(young, tmp_path_factory.mktemp("deciding"))


@pytest.fixture(scope="module")
def found(company):
    """What a run finds and holds."""
    company.run(user=WANG, code=3)
    return {
        "figure": company.ask(FIGURE),
        "of table": company.ask(MONTH_OF_TABLE),
        "cost": company.ask(CAMPAIGN_COST),
        "status": json.loads(company.told("status", "--format", "json")),
    }


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with running(tmp_path_factory) as address:
        yield address


@pytest.fixture(scope="module")
def decided(company, found, postgres):
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


def test_a_rewritten_past_is_held_until_somebody_else_has_approved_it(company, found, young):
    [(old, *_)] = ask(young.base, FIGURE.format(month=company.month))
    [(shown, verdict, reason)] = found["figure"]
    assert (shown, verdict) == (old, "held")
    assert "awaits approval by someone other than Wang Fang" in reason
    assert found["of table"] == [("held",)]
    assert "net_sales" in {each["metric"] for each in found["status"]["restatements"]}


def test_who_rewrote_the_past_may_not_approve_it(decided):
    assert "[not-allowed]" in decided["mine"]


def test_an_approved_past_is_published_with_who_approved_it(company, decided, young):
    [(old, *_)] = ask(young.base, FIGURE.format(month=company.month))
    [(new, verdict, _)] = company.ask(FIGURE)
    assert verdict.startswith("certified")
    assert abs(new / old - 2) < 0.1
    assert company.ask(RESTATED) == [(old, new, "Li Na", WANG, "entered at half price")]


def test_a_conflict_holds_what_rests_on_it(found, young):
    assert found["cost"] == ask(young.base, CAMPAIGN_COST)


def test_a_released_row_lets_go_what_the_conflict_held_and_the_ledger_says_who_wanted_it(
    company, decided, second_day
):
    assert decided["releasable"]
    assert "[unknown-person]" in decided["nobody"]
    [(cost,)] = ask(second_day.base, CAMPAIGN_COST)
    assert company.ask(CAMPAIGN_COST) == [(cost + COST,)]
    released, let_go = [record.body for record in ledger_of(company.base).records("release")]
    assert (released["by"], released["reason"]) == (LI, "Paid it")
    assert "campaign_cost" in str(let_go)
    assert company.ask(CONFLICTS) == [(0, 0, 1)]
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
