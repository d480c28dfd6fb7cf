"""`plumb restatement`: what waits is told, and approved by somebody who did not find it."""

import json
from datetime import date

import pytest

from plumbline.cli.main import main
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
