"""dbt begins when everything has landed; the step of the models waits for what began, or begins itself."""

import pytest

from orchestration.dbt_runner import BUILD, NodeResult
from orchestration.defs import transformation
from orchestration.defs.resources import Session, open_session
from plumbline.errors import ConfigurationError, DefinitionError
from plumbline.runs import RunState
from plumbline.warehouse import connect

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
        with connect(opened.home.warehouse) as con:
            for system, table, column in transformation.FACTS.values():
                con.execute(f"create schema if not exists landing_{system}")
                con.execute(f'create table landing_{system}.{table} ("{column}" varchar)')
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


def land_orders(session, *days):
    with connect(session.home.warehouse) as con:
        con.execute("insert into landing_erp.sales_order_header select unnest(?)", [list(days)])


@pytest.mark.parametrize("run_before", ["", "2026-04-02"])
def test_a_day_before_all_that_has_landed_is_refused_before_anything_is_built(worker, session, run_before):
    RunState(as_of=run_before).write(session.state_file)
    land_orders(session, "2026-04-01", "2027/4/2")
    transformation.begin_early(session)
    with pytest.raises(ConfigurationError, match="no data on or before 2026-03-31"):
        build(session)
    assert not worker.sent
    assert session.state == RunState(as_of=run_before)


@pytest.mark.parametrize(
    ("run_before", "days"), [("", ["2026-04-01", "31.3.26"]), ("", []), ("2026-03-30", ["2026-04-01"])]
)
def test_where_that_is_not_certain_or_cannot_be_new_the_run_goes_on(worker, session, run_before, days):
    RunState(as_of=run_before).write(session.state_file)
    land_orders(session, *days)
    assert build(session) == [BUILT]


def test_the_day_of_a_fact_is_looked_for_where_staging_reads_it(project_root):
    for (mart, day), (system, table, column) in transformation.FACTS.items():
        staging = project_root / f"models/staging/{system}/stg_{system}__{table}.sql"
        read = {f"as_date('{column}', '{day}'", f"as_timestamp('{column}', '{day.replace('_date', '_at')}'"}
        assert any(reading in staging.read_text(encoding="utf-8") for reading in read), mart
        [model] = (project_root / "models" / "marts").rglob(f"{mart}.sql")
        assert f"ref('{staging.stem}')" in model.read_text(encoding="utf-8"), mart
