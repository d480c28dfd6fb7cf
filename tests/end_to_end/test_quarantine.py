"""From a conflict between two rows to the decision of its owner, and to the figure."""

import json

import duckdb
import pytest

from plumbline.ledger import Ledger
from tests.end_to_end.conftest import plumb

COST = 1_000_000


def ask(home, sql):
    with duckdb.connect(
        str((home / "demo" / "published" / "current.duckdb").resolve()), read_only=True
    ) as con:
        return con.execute(sql).fetchall()


def cost(home):
    [(value,)] = ask(
        home,
        "select sum(value) from published.indicator_value"
        " where metric = 'campaign_cost' and grain = 'year' and dimensions = ''",
    )
    return value


@pytest.fixture
def conflict(company):
    """The marketing system sends one campaign twice: with a cost that is wrong, and then as it was."""
    path = company / "demo" / "data" / "crm" / "Crm_Campaign.jsonl"
    first, *others = path.read_text(encoding="utf-8").splitlines()
    campaign = json.loads(first)
    other = json.dumps({**campaign, "Cost": campaign["Cost"] + COST}, ensure_ascii=False)
    path.write_text("\n".join([other, first, *others]) + "\n", encoding="utf-8")
    assert plumb("run", home=company).returncode == 0
    return company


def test_a_released_row_is_used_and_the_ledger_says_who_wanted_it(conflict):
    told = plumb(
        "quarantine", "show", "crm.campaign", "--reason", "conflict", "--format", "json", home=conflict
    )
    [row] = json.loads(told.stdout)
    assert row["releasable"]
    before = cost(conflict)
    options = ("--row", f"{row['load']}:{row['row_number']}", "--because", "It was dear", "--by", "li na")
    done = plumb("quarantine", "release", "crm.campaign", *options, home=conflict)
    assert done.returncode == 0, done.stderr
    run = plumb("run", home=conflict)
    assert run.returncode == 0, run.stdout + run.stderr
    assert cost(conflict) - before == COST
    [record] = [
        each for each in Ledger(conflict / "demo" / "ledger").records("release") if "rows" in each.body
    ]
    assert (record.body["by"], record.body["reason"]) == ("li na", "It was dear")
    assert ask(
        conflict,
        "select open_rows, gone_rows, released_rows from published.quarantine_reason"
        " where table_name = 'campaign' and reason like 'conflict%'",
    ) == [(0, 0, 1)]
    listed = plumb("quarantine", "list", "--all", home=conflict).stdout
    assert "closed, 1 released" in listed
    assert "Nothing new" in plumb("run", home=conflict).stdout
