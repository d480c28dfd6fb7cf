"""dbt begins when everything has landed; the step of the models waits for what began, or begins itself."""

import pytest

from orchestration.dbt_runner import BUILD, NodeResult
from orchestration.defs import transformation
from orchestration.defs.resources import Session, open_session
from plumbline.errors import DefinitionError
from plumbline.runs import RunState

BUILT = NodeResult("model.plumbline.orders", "success", 0.1, 9, "")


class Worker:
    """Stands for a dbt that waits for commands."""

    def __init__(self):
        self.sent = []

    def send(self, args):
        self.sent.append(tuple(args))

    def answer(self, on_node):
        on_node("orders")
        return (BUILT,)


@pytest.fixture
def worker(monkeypatch):
    waiting = Worker()
    transformation.use_worker(waiting)
    monkeypatch.setattr(transformation, "require_sound_definitions", lambda *_: [])
    monkeypatch.setattr(transformation, "_note_built", lambda _: None)
    monkeypatch.setattr(transformation, "_require_data", lambda _: None)
    monkeypatch.setattr("plumbline.quality.warm_up", lambda: None)
    monkeypatch.setattr("plumbline.indicators.precompile.start_compiling", lambda *_: None)
    monkeypatch.setattr("orchestration.lineage.start_lineage", lambda *_: None)
    yield waiting
    transformation.forget_worker()


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    monkeypatch.setattr(Session, "has_extracts", True)
    with open_session("demo", as_of="2026-03-31") as opened:
        opened.__dict__["registered"] = True
        yield opened


def build(session):
    return transformation.build_models(session, lambda *_: None)


def test_the_step_of_the_models_waits_for_what_began_early(worker, session):
    transformation.begin_early(session)
    assert [command[:1] for command in worker.sent] == [BUILD[:1]]
    assert session.state.transforming
    del session.__dict__["registered"]  # as in the job that follows: to register again would wait for dbt
    assert build(session) == [BUILT]
    assert len(worker.sent) == 1
    assert not session.state.transforming


def test_a_full_build_stays_full_when_it_began_early(worker, session):
    transformation.begin_early(session)
    build(session)
    assert "--full-refresh" in worker.sent[0]
    assert session.record.full


def test_where_nothing_began_early_the_step_begins(worker, session):
    assert build(session) == [BUILT]
    assert len(worker.sent) == 1


@pytest.mark.parametrize("reason", ["nothing new", "no extracts"])
def test_nothing_begins_early_without_need(worker, session, monkeypatch, reason):
    monkeypatch.setattr(Session, "has_extracts", reason != "no extracts")
    session.__dict__["nothing_new"] = reason == "nothing new"
    transformation.begin_early(session)
    assert not worker.sent
    assert not session.state.transforming


def test_what_is_wrong_is_told_by_the_step_of_the_models(worker, session, monkeypatch):
    def refuse(*_):
        raise DefinitionError("a definition is wrong")

    RunState(as_of="2026-03-31").write(session.state_file)
    monkeypatch.setattr(transformation, "require_sound_definitions", refuse)
    transformation.begin_early(session)
    assert not worker.sent
    assert not session.state.transforming
    with pytest.raises(DefinitionError):
        build(session)
