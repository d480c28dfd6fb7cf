"""`plumb waiver`: which check is meant, who may waive it, and what is refused."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from plumbline.cli.main import main
from plumbline.ledger import Ledger
from tests.unit.definitions import shop

DAY = datetime.now(UTC).date() + timedelta(days=10)
COST = {
    "stage": "marts",
    "table": "marts.orders",
    "expected": "cost is never empty",
    "severity": "critical",
    "waived": "",
}
ADDS_UP = {**COST, "stage": "indicators", "table": "candidates.indicator_value", "expected": "costs add up"}
RECORD = {
    "run_id": "r1",
    "operator": "cron@example.com",
    "failed_expectations": [
        COST,
        {**COST, "table": "marts.stock"},
        {**COST, "expected": "cost is small", "severity": "warning"},
        {**COST, "expected": "there are rows"},
        ADDS_UP,
    ],
    "holds": [{**COST, "metrics": ["costs", "margin"]}, {**ADDS_UP, "metrics": ["costs"]}],
}


@pytest.fixture
def plumb(tmp_path, monkeypatch, capsys):
    """A company of which two checks failed; gives a function that runs `plumb waiver`."""
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PLUMBLINE_PROJECT", str(tmp_path))
    monkeypatch.setenv("PLUMBLINE_USER", "li@example.com")
    (tmp_path / "dbt_project.yml").touch()
    trust = tmp_path / "orchestration" / "trust" / "shop.yml"
    trust.parent.mkdir(parents=True)
    trust.write_text(
        "people:\n"
        "  li: {name: Li Na, email: li@example.com, may: [waive]}\n"
        "  cron: {name: Night shift, email: cron@example.com, may: [waive]}\n",
        encoding="utf-8",
    )
    runs = tmp_path / "home" / "shop" / "runs"
    runs.mkdir(parents=True)
    (runs / "state.json").write_text(json.dumps({"published_run": "r1"}), encoding="utf-8")
    (runs / "r1.json").write_text(json.dumps(RECORD), encoding="utf-8")
    shop.write(tmp_path / "home" / "shop" / "target" / "semantic_manifest.json")

    def run(*arguments):
        code = main(["waiver", *arguments, "--company", "shop"])
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def add(plumb, expectation="there are rows", reason="counted by hand", until=DAY, **options):
    more = [text for name, value in options.items() for text in (f"--{name}", value)]
    return plumb("add", "--expectation", expectation, "--reason", reason, "--until", str(until), *more)


def test_a_waiver_is_recorded_and_listed_and_ended(plumb, tmp_path):
    code, told = add(plumb)
    assert code == 0
    assert f"W1: marts.orders: there are rows: waived by Li Na until {DAY} (W1): counted by hand" in told
    (record,) = Ledger(tmp_path / "home" / "shop" / "ledger").records("waiver")
    assert record.body["by"] == "li@example.com"
    assert record.body["author"] == "cron@example.com"
    assert "valid" in plumb("list")[1]
    assert plumb("end", "W1")[0] == 0
    assert json.loads(plumb("list", "--format", "json")[1])[0]["state"] == "ended"
    assert plumb("end", "W1")[0] == 2


def test_the_head_of_the_ledger_is_shown_to_its_witness(plumb, tmp_path):
    add(plumb)
    assert (tmp_path / "home" / "witness" / "shop.jsonl").is_file()


def test_a_check_of_two_tables_needs_the_table(plumb):
    code, told = add(plumb, COST["expected"])
    assert code == 2
    assert "more than one failed check is called 'cost is never empty'" in told
    assert add(plumb, COST["expected"], table="marts.orders", metric="costs")[0] == 0


def test_the_table_may_stand_before_the_text(plumb):
    assert add(plumb, "marts.orders: cost is never empty")[0] == 0


@pytest.mark.parametrize("text", ["cost is small", "cost is nevr empty", "7"])
def test_what_has_not_failed_or_holds_nothing_back_cannot_be_waived(plumb, text):
    code, told = add(plumb, text)
    assert code == 2
    assert "[unknown-check]" in told
    assert "marts.orders: there are rows" in told


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": "ok"}, "no-reason"),
        ({"until": "tomorrow"}, "bad-date"),
        ({"until": "2020-01-01"}, "bad-waiver-end"),
        ({"until": DAY + timedelta(days=100)}, "bad-waiver-end"),
        ({"expectation": "marts.orders: cost is never empty", "metric": "marginn"}, "unknown-metric"),
    ],
)
def test_a_waiver_without_reason_end_or_object_is_refused(plumb, changes, code):
    assert f"[{code}]" in add(plumb, **changes)[1]


def test_who_started_the_run_cannot_waive_what_it_found(plumb, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_USER", "cron@example.com")
    code, told = add(plumb)
    assert code == 2
    assert "They started the run r1: nobody passes what is their own." in told


def test_who_changed_the_model_last_cannot_waive_its_check(plumb, tmp_path):
    model = tmp_path / "models" / "orders.sql"
    model.parent.mkdir()
    model.write_text("select 1", encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.email=li@example.com", "-c", "user.name=Li"]
    for command in (["init", "-q"], ["add", "models"], ["commit", "-qm", "x", "--no-gpg-sign"]):
        subprocess.run([*git, *command], check=True)
    assert "They last changed models/orders.sql" in add(plumb)[1]


@pytest.mark.parametrize("changed", ["metrics/costs.yml", "models/orders.sql"])
def test_who_changed_what_makes_a_figure_cannot_waive_a_check_of_it(plumb, tmp_path, changed):
    assert add(plumb, ADDS_UP["expected"])[0] == 0
    for path, text in (
        ("metrics/costs.yml", "metrics:\n  - name: costs\n"),
        ("models/orders.sql", "select 1"),
    ):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text(text, encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x"]
    who = {path: "li" if path == changed else "adam" for path in ("metrics/costs.yml", "models/orders.sql")}
    subprocess.run([*git, "init", "-q"], check=True)
    for path, author in who.items():
        subprocess.run([*git, "add", path], check=True)
        mail = ["-c", f"user.email={author}@example.com"]
        subprocess.run([*git, *mail, "commit", "-qm", "x", "--no-gpg-sign"], check=True)
    code, told = add(plumb, ADDS_UP["expected"])
    assert code == 2
    assert f"They last changed {changed}" in told
    assert add(plumb)[0] == (0 if changed == "metrics/costs.yml" else 2)


def test_a_stranger_cannot_waive(plumb, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_USER", "eve@example.com")
    assert "[unknown-person]" in add(plumb)[1]


def test_without_a_waiver_the_list_says_so(plumb):
    assert plumb("list") == (0, "There are no waivers.\n")
