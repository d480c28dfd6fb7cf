"""From a conflict between two rows to the decision of somebody who may, and to the figure."""

import json
import shutil
from dataclasses import replace

import duckdb
import pytest

from tests.end_to_end.conftest import plumb
from tests.end_to_end.young import DAYS, assert_proved, home_of, ledger_of

COST = 1_000_000
LI = "li.na@demo.example"

pytestmark = pytest.mark.apart


def ask(base, sql):
    with duckdb.connect(str(home_of(base).current.resolve()), read_only=True) as con:
        return con.execute(sql).fetchall()


def cost(base):
    [(value,)] = ask(
        base,
        "select sum(value) from published.indicator_value"
        " where metric = 'campaign_cost' and grain = 'year' and dimensions = ''",
    )
    return value


@pytest.fixture
def conflict(young, tmp_path):
    """The marketing system sends one campaign twice: with a cost that is wrong, and then as it was."""
    base, extracts = tmp_path / "home", tmp_path / "extracts"
    shutil.copytree(young.base, base, symlinks=True)
    shutil.copytree(young.extracts[DAYS[1]], extracts)
    path = extracts / "crm" / "Crm_Campaign.jsonl"
    first, *others = path.read_text(encoding="utf-8").splitlines()
    campaign = json.loads(first)
    other = json.dumps({**campaign, "Cost": campaign["Cost"] + COST}, ensure_ascii=False)
    path.write_text("\n".join([other, first, *others]) + "\n", encoding="utf-8")
    conflict = replace(young, base=base, extracts={DAYS[1]: extracts})
    conflict.run(base, code=3)
    return conflict


def test_a_released_row_lets_go_what_the_conflict_held_and_the_ledger_says_who_wanted_it(
    conflict, young, second_day
):
    base = conflict.base
    assert cost(base) == cost(young.base)
    shown = ("show", "crm.campaign", "--reason", "conflict", "--format", "json")
    [row] = json.loads(plumb("quarantine", *shown, home=base).stdout)
    assert row["releasable"]
    release = (
        "release",
        "crm.campaign",
        "--row",
        f"{row['load']}:{row['row_number']}",
        "--because",
        "Paid it",
    )
    refused = plumb("quarantine", *release, home=base, PLUMBLINE_USER="somebody")
    assert (refused.returncode, "[unknown-person]" in refused.stderr) == (2, True)
    done = plumb("quarantine", *release, home=base, PLUMBLINE_USER=LI)
    assert done.returncode == 0, done.stderr
    conflict.run(base)
    assert cost(base) == cost(second_day.base) + COST
    released, let_go = [record.body for record in ledger_of(base).records("release")]
    assert (released["by"], released["reason"]) == (LI, "Paid it")
    assert "campaign_cost" in str(let_go)
    assert ask(
        base,
        "select open_rows, gone_rows, released_rows from published.quarantine_reason"
        " where table_name = 'campaign' and reason like 'conflict%'",
    ) == [(0, 0, 1)]
    assert "closed, 1 released" in plumb("quarantine", "list", "--all", home=base).stdout
    assert "Nothing new" in conflict.run(base)
    assert_proved(base)
