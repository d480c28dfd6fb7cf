"""Candidates are built beside the checks; whoever needs them waits, and whoever gives up ends them."""

import threading

import pytest

from orchestration.defs.resources import open_session
from plumbline.errors import DefinitionError
from plumbline.indicators import Candidates
from plumbline.warehouse import connect

SECONDS = 60


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))


@pytest.fixture
def builds(monkeypatch):
    """Put other work in the place of the building of candidates."""

    def become(work):
        monkeypatch.setattr("plumbline.indicators.build_candidates", work)

    return become


def opened():
    return open_session("demo", as_of="2026-03-31")


def with_marts(session):
    session.__dict__["marts"] = {}
    return session


def test_the_stage_has_the_seconds_since_the_building_began(home, builds):
    checked = threading.Event()

    def build(*_, **__):
        assert checked.wait(SECONDS)
        return Candidates({"indicator_value": 7})

    builds(build)
    with opened() as session:
        building = with_marts(session).candidates
        checked.set()
        assert building.result().rows == {"indicator_value": 7}
        (stage,) = session.record.stages
    assert stage["name"] == "indicators"
    assert stage["seconds"] >= 0


def test_what_the_building_met_is_raised_where_it_is_waited_for(home, builds):
    def build(*_, **__):
        raise DefinitionError("the definitions do not fit the marts")

    builds(build)
    with opened() as session, pytest.raises(DefinitionError, match="do not fit"):
        with_marts(session).candidates.result()


def test_a_run_that_ends_before_it_ends_the_building_and_keeps_nothing_of_it(home, builds):
    begun = threading.Event()

    def build(connection, *_, **__):
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE half_done AS SELECT 1 AS id")
        begun.set()
        connection.execute("SELECT sum(a.range + b.range) FROM range(10000000) a, range(10000000) b")

    builds(build)
    with opened() as session:
        assert with_marts(session).candidates
        assert begun.wait(SECONDS)
    with connect(session.home.warehouse) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)
