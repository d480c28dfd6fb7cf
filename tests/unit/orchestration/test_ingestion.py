"""What landing found, as Dagster shows it."""

from datetime import date

import dagster as dg
import pytest

from orchestration.defs import ingestion
from orchestration.defs.ingestion import _events
from orchestration.defs.resources import Session
from plumbline.landing import SystemResult, TableOutcome, load_sources
from plumbline.landing.outcomes import ExtractOutcome
from plumbline.project import Home, Project
from plumbline.runs import RunRecord


def shown(status, **extract):
    outcome = TableOutcome.of("product", [ExtractOutcome(status, "product.csv", **extract)], seconds=0.5)
    return list(_events("erp", SystemResult("erp", (outcome,))))


@pytest.mark.parametrize(
    ("status", "arrived"),
    [("landed", True), ("unchanged", True), ("refused", False), ("unavailable", False), ("missing", False)],
)
def test_an_extract_has_arrived_when_it_was_accepted(status, arrived):
    _, check = shown(status)
    assert check.asset_key == dg.AssetKey(["landing", "erp", "product"])
    assert (check.passed, check.severity) == (arrived, dg.AssetCheckSeverity.WARN)


def test_a_check_that_failed_says_why():
    _, check = shown("refused", reason="line 3 has 4 fields, the header has 5.")
    assert check.description == "product.csv: line 3 has 4 fields, the header has 5."


def test_an_asset_shows_what_landed_now():
    landed, _ = shown("landed", rows=9, load=7)
    assert landed.metadata == {"status": "landed", "rows_landed": 9, "seconds": 0.5, "load": 7}


def test_what_is_unknown_is_not_shown():
    landed, _ = shown("unavailable")
    assert "load" not in landed.metadata


class Landed:
    """Stands for systems that land: notes which were begun, and each brings nothing."""

    def __init__(self, begun, systems):
        begun.append(systems)
        self._waiting = set(systems)

    @property
    def are_over(self):
        return not self._waiting

    def result(self, system, progress):
        self._waiting.discard(system)
        tables = load_sources(Project.find(), "demo").systems[system].tables
        nothing = [ExtractOutcome("unchanged", "the same")]
        return SystemResult(system, tuple(TableOutcome.of(table, nothing, 0.0) for table in tables))

    def seconds(self, system):
        return 0.25


@pytest.fixture
def landing(tmp_path, monkeypatch):
    """Land some systems, and give the session in which they did, and which systems were begun with."""
    begun = []
    monkeypatch.setattr(ingestion, "Landings", lambda *places, **asked: Landed(begun, places[-1]))
    project = Project.find()
    sources, record = load_sources(project, "demo"), RunRecord("run-1", "demo", "2026-03-31", full=False)
    session = Session(project, Home(tmp_path), sources, None, date(2026, 3, 31), full=False, record=record)

    def land(systems):
        keys = [spec.key for spec in ingestion.landing_specs(sources, {}) if spec.key.path[1] in systems]
        dg.materialize(ingestion.landing_assets(sources, {}), selection=keys, resources={"session": session})
        return session, begun

    return land


def test_who_follows_is_called_once_when_the_last_system_has_landed(landing, monkeypatch):
    called = []
    monkeypatch.setattr(ingestion, "_followers", [lambda session: called.append(len(session.record.stages))])
    landing(["crm", "erp", "oa"])
    assert called == [3]


@pytest.mark.parametrize("chosen", [["crm", "erp", "oa"], ["oa"]])
def test_the_first_step_begins_with_all_systems_that_the_run_lands(landing, chosen):
    session, begun = landing(chosen)
    assert begun == [chosen]
    assert session.record.stages == [{"name": f"landing {system}", "seconds": 0.25} for system in chosen]
