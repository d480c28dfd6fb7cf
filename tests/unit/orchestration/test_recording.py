"""A run records what it lands and checks, and begins by making good what a crash left."""

import json

import pytest

from orchestration.defs.recording import record_quality
from orchestration.defs.resources import open_session
from plumbline.errors import LedgerError
from plumbline.ledger import Ledger, WitnessUnreachable
from plumbline.warehouse import connect


@pytest.fixture(autouse=True)
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    return tmp_path


def opened():
    return open_session("demo", as_of="2026-03-31")


def test_a_session_shows_the_witness_what_it_recorded(base):
    with opened() as session:
        session.ledger.ledger.append("load", {"load": 1})
    (line,) = (base / "witness" / "demo.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["seq"] == 1


def test_a_session_that_records_nothing_leaves_no_trace(base):
    with opened() as session:
        pass
    assert not session.home.ledger.exists()
    assert not (base / "witness").exists()


def test_what_a_crash_left_unwitnessed_is_told_at_the_next_beginning(base):
    Ledger(base / "demo" / "ledger").append("load", {"load": 1})
    with opened() as session:
        assert [record.kind for record in session.ledger.ledger.records()] == ["load", "witness"]


def test_a_run_does_not_begin_on_a_ledger_that_was_cut(base):
    with opened() as session:
        session.ledger.ledger.append("load", {"load": 1})
        session.ledger.ledger.append("load", {"load": 2})
    file = session.home.ledger / "ledger.jsonl"
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(LedgerError, match="saw record 2"), opened():
        pass


def test_a_witness_that_cannot_be_told_is_a_warning_of_the_run(base):
    (base / "witness").write_text("a file, no directory")
    with opened() as session:
        session.ledger.ledger.append("load", {"load": 1})
    assert "could not be told" in session.record.warnings[0]


def test_a_witness_that_cannot_be_told_is_asked_once_in_a_run(base, monkeypatch):
    asked = []

    def unreachable(witness, *_):
        asked.append(witness.name)
        raise WitnessUnreachable("no route")

    monkeypatch.setattr("plumbline.ledger.FileWitness.read", unreachable)
    monkeypatch.setattr("plumbline.ledger.FileWitness.add", unreachable)
    Ledger(base / "demo" / "ledger").append("load", {"load": 1})
    with opened() as session:
        session.record.save(session.home.runs)
    with open_session("demo", as_of="2026-03-31", run_id=session.record.run_id) as next_one:
        assert len(next_one.record.warnings) == 1
    assert asked == ["second_path"]


def test_the_results_of_the_gate_are_recorded_with_the_digest_of_the_report():
    with opened() as session, connect(session.home.warehouse) as con:
        con.execute("create schema quality")
        own = session.record.run_id
        con.execute(f"create table quality.result as select '{own}' as run_id, 'passed' as verdict")
        report = session.home.root / "report.html"
        report.write_text("fine", encoding="utf-8")
        record_quality(session, con, report)
        (record,) = session.ledger.ledger.records("quality")
    assert (record.subject, record.body["passed"], record.body["report"]) == (
        own,
        1,
        "report.html",
    )
