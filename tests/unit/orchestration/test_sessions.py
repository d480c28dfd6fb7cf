"""What the steps of a run share: the lock, the record, the state and the decision to rebuild."""

import fcntl
import json
from types import SimpleNamespace

import pytest

from orchestration.defs import publication, transformation
from orchestration.defs.resources import open_session
from plumbline.errors import GateError, PlumblineError
from plumbline.quality import StageResult
from plumbline.runs import RunState
from tests.unit.orchestration.test_quality import result


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    with open_session("demo", as_of="2026-03-31") as opened:
        yield opened


def record_of(session):
    path = session.home.runs / f"{session.record.run_id}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_session_holds_the_lock_of_its_company(session):
    with open(session.home.lock, "a", encoding="utf-8") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_lock_is_free_when_the_session_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    with open_session("demo", as_of="2026-03-31") as session:
        pass
    with open(session.home.lock, "a", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_record_of_a_failed_run_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    with (
        pytest.raises(PlumblineError),
        open_session("demo", as_of="2026-03-31") as session,
        session.record.stage("models"),
    ):
        raise PlumblineError("a model broke")
    record = record_of(session)
    assert (record["status"], record["stages"][0]["name"]) == ("failed", "models")
    assert "a model broke" in record["error"]


def test_a_session_continues_the_record_of_the_job_before(session):
    session.record.landing.append({"table": "product", "status": "landed"})
    session.record.save(session.home.runs)
    with open_session("demo", as_of="2026-03-31", run_id=session.record.run_id) as next_one:
        assert next_one.record.landing == session.record.landing


@pytest.mark.parametrize(
    ("changes", "rebuilds"),
    [
        ({}, False),
        ({"transforming": True}, True),
        ({"models_digest": "other models"}, True),
        ({"as_of": "2026-04-01"}, True),
        ({"as_of": "2026-03-30"}, False),
    ],
)
def test_tables_are_built_anew_when_they_cannot_be_trusted(session, changes, rebuilds):
    sound = RunState(as_of="2026-03-31", models_digest=session.inputs.models)
    sound.write(session.state_file, **changes)
    assert session.must_rebuild is rebuilds


def test_what_is_published_already_is_not_built_again(session):
    RunState(published_fingerprint=session.inputs.everything).write(session.state_file)
    session.home.published.mkdir(parents=True)
    session.home.current.write_bytes(b"")
    assert session.nothing_new


@pytest.mark.parametrize("reason", ["asked for", "other inputs", "nothing published"])
def test_a_run_is_not_needless(session, reason):
    fingerprint = "other" if reason == "other inputs" else session.inputs.everything
    RunState(published_fingerprint=fingerprint).write(session.state_file)
    session.home.published.mkdir(parents=True)
    if reason != "nothing published":
        session.home.current.write_bytes(b"")
    session.full = reason == "asked for"
    assert not session.nothing_new


@pytest.mark.parametrize(
    ("waivers", "approvals", "decided"),
    [
        ([("W1", "valid")], [], ["waiver W1"]),
        ([("W1", "expired"), ("W2", "ended"), ("W3", "void: unsigned")], [], []),
        ([], [7], ["approval 7"]),
    ],
)
def test_what_people_decided_is_news_for_a_run(session, waivers, approvals, decided):
    session.__dict__["waivers"] = [
        SimpleNamespace(id=name, state=lambda day, state=state: state) for name, state in waivers
    ]
    session.__dict__["approvals"] = [SimpleNamespace(seq=number) for number in approvals]
    assert session._decisions() == decided
    with_them = session.inputs.everything
    del session.__dict__["inputs"]
    session.__dict__ |= {"waivers": [], "approvals": []}
    assert (session.inputs.everything != with_them) == bool(decided)


def test_a_dbt_run_that_breaks_leaves_the_mark_that_makes_the_next_rebuild(session, monkeypatch):
    def breaks(*_):
        assert session.state.transforming
        raise PlumblineError("a model broke")

    RunState(as_of="2026-03-31", models_digest=session.inputs.models).write(session.state_file)
    session.__dict__["registered"] = True
    monkeypatch.setattr("plumbline.quality.warm_up", lambda: None)
    monkeypatch.setattr("plumbline.indicators.precompile.start_compiling", lambda *_: None)
    monkeypatch.setattr(transformation.Begun, "results", breaks)
    with pytest.raises(PlumblineError):
        transformation.build_models(session, lambda *_: None)
    with open_session("demo", as_of="2026-03-31") as next_one:
        assert next_one.must_rebuild


@pytest.fixture
def gate(session, monkeypatch):
    """Lead results through the publication step; give whether anything was published."""
    published, ruled = [], []

    def publish(session):
        published.append(session.record.run_id)
        return {}

    monkeypatch.setattr(publication, "publish", publish)
    monkeypatch.setattr(publication, "_reconciliation", lambda _: [])
    monkeypatch.setattr(publication, "record_quality", lambda *_: None)
    monkeypatch.setattr(publication, "note_quarantine", lambda *_: None)
    monkeypatch.setattr(publication, "hold_back", lambda session, _, checks: ruled.extend(checks))
    monkeypatch.setattr("plumbline.quality.StageContext.of", lambda *_: None)
    monkeypatch.setattr("plumbline.quality.write_report", lambda *_, **__: "report.html")

    def lead(*checks):
        fine = (result("passed"),)
        session.results = {stage: StageResult(stage, "run", fine) for stage in publication.STAGES}
        session.results["marts"] = StageResult("marts", "run", checks)
        list(publication.publication_asset([]).op.compute_fn.decorated_fn(session))
        return bool(published)

    lead.published, lead.ruled = published, ruled
    return lead


def test_what_failed_is_ruled_on_and_the_rest_is_published(gate, session):
    assert gate(result("passed"), result("failed"), result("error"))
    assert [check.verdict for check in gate.ruled if check.failed] == ["failed", "error"]
    assert [failure["expectation"] for failure in session.record.failed_expectations] == [
        "known_customer",
        "known_customer",
    ]


def test_a_warning_does_not_stop_the_publication(gate, session):
    assert gate(result("passed"), result("failed", "warning"))
    assert session.record.quality == {"passed": 4, "failed": 1}


def test_a_stage_that_judged_nothing_stops_the_publication(gate, session):
    with pytest.raises(GateError):
        gate()
    assert not gate.published
    assert session.record.status == "held"
