"""`plumb restatement`: what waits is told, and approved by somebody who did not find it."""

import json
import subprocess
from datetime import date

import duckdb
import pytest

from plumbline.cli.main import main
from plumbline.gate.approve import last_good_commit
from plumbline.ledger import Ledger
from tests.unit.gate.conftest import company  # noqa: F401
from tests.unit.gate.test_restate import Days

PEOPLE = """
people:
  li: {name: Li Na, email: li@example.com, may: [approve]}
  wang: {name: Wang Fang, email: wang, may: [approve]}
"""


@pytest.fixture
def plumb(company, tmp_path, monkeypatch, capsys):  # noqa: F811
    """The shop with a past that Wang's run found changed; gives a function that runs `plumb restatement`."""
    days = Days(company)
    days.publish(as_of=date(2025, 3, 9))
    days.rewrite()
    days.publish()
    monkeypatch.setenv("PLUMBLINE_PROJECT", str(tmp_path))
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PLUMBLINE_USER", "li@example.com")
    (tmp_path / "dbt_project.yml").touch()
    trust = tmp_path / "orchestration" / "trust" / "shop.yml"
    trust.parent.mkdir(parents=True)
    trust.write_text(PEOPLE, encoding="utf-8")
    state = tmp_path / "state" / "shop"
    (state / "target").mkdir(parents=True)
    (state / "published").symlink_to(company.home.published)
    (state / "target" / "semantic_manifest.json").symlink_to(company.build.home.semantic_manifest)

    def run(*arguments):
        code = main(["restatement", *arguments, "--company", "shop"])
        told = capsys.readouterr()
        return code, told.out + told.err

    run.ledger = Ledger(state / "ledger")
    return run


def test_what_waits_is_listed_and_shown_with_old_and_new(plumb):
    code, told = plumb("list")
    assert code == 0
    assert "Restated, and waiting for approval" in told
    assert "plumb restatement approve METRIC --reason '…' --company shop" in told
    shown = json.loads(plumb("show", "sales", "--format", "json")[1])
    assert {row["state"] for row in shown} == {"awaits approval"}
    assert plumb("show", "orders")[1] == "No past figure of orders has changed.\n"


def test_an_approval_names_exactly_what_was_there_to_be_seen(plumb):
    code, told = plumb("approve", "sales", "--reason", "the invoice was wrong")
    assert code == 0, told
    (record,) = plumb.ledger.records("approval")
    assert record.body["subject"] == "sales"
    assert record.body["by"] == "li@example.com"
    assert record.body["figures"] == len(json.loads(plumb("show", "sales", "--format", "json")[1]))


def test_all_that_waits_can_be_approved_together(plumb):
    plumb("approve", "all", "--reason", "the invoice was wrong")
    assert {record.subject for record in plumb.ledger.records("approval")} >= {"sales", "margin"}


def test_who_found_it_cannot_approve_it(plumb, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_USER", "wang")
    code, told = plumb("approve", "sales", "--reason", "the invoice was wrong")
    assert code == 2
    assert "They started the run that found it: nobody passes what is their own." in told
    assert plumb.ledger.head is None


@pytest.mark.parametrize(
    ("metric", "reason", "code"),
    [("orders", "wrong invoice", "unknown-restatement"), ("sales", "ok", "no-reason")],
)
def test_what_does_not_wait_and_what_has_no_reason_is_refused(plumb, metric, reason, code):
    assert f"[{code}]" in plumb("approve", metric, "--reason", reason)[1]


def test_who_changed_the_definition_since_cannot_approve_whoever_touched_it_later(plumb, tmp_path, company):  # noqa: F811
    file = tmp_path / "metrics" / "shop.yml"
    file.parent.mkdir()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    for who, text in (("adam", "{filter: x}"), ("li@example.com", "{filter: y}"), ("eve", "{filter: y }")):
        file.write_text(f"metrics:\n  - name: sales\n    config: {text}\n", encoding="utf-8")
        subprocess.run([*git, "add", "metrics"], check=True)
        subprocess.run([*git, "-c", f"user.email={who}", "commit", "-qm", "x"], check=True)
    first = subprocess.run([*git, "rev-list", "--max-parents=0", "HEAD"], capture_output=True, text=True)
    with duckdb.connect(str(company.home.current.resolve())) as connection:
        connection.execute(
            "UPDATE published.publication SET code_commit = ? WHERE generation = 1",
            [f"{first.stdout.strip()}+"],
        )
    code, told = plumb("approve", "sales", "--reason", "the invoice was wrong")
    assert code == 2
    assert "They changed metrics/shop.yml:2 since it was last good: nobody passes what is their own." in told
    assert plumb.ledger.head is None


def test_the_last_good_commit_is_that_of_the_oldest_publication_that_is_shown():
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE publication AS SELECT 'p' || i AS publication_id, i AS generation,"
        " 'c' || i AS code_commit FROM range(1, 5) r(i)"
    )
    con.execute(
        "CREATE TABLE indicator_value AS SELECT * FROM"
        " (VALUES ('a', 'p3'), ('a', 'p2'), ('b', ''), ('c', 'p3')) v(metric, last_good)"
    )
    asked = [["a"], ["b"], ["c"], ["b", "c"], ["a", "c"]]
    assert [last_good_commit(con, "main", metrics) for metrics in asked] == ["c2", "c4", "c3", "c3", "c2"]
    con.execute("DROP TABLE indicator_value")
    assert last_good_commit(con, "main", ["a"]) == ""
