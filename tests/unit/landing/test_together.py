"""Systems that land at the same time leave what they would leave one after the other."""

import threading

import pytest

from plumbline.errors import StorageError
from plumbline.landing import Landings, current_loads, land_system, load_sources, together, visible_loads
from plumbline.landing.files.connector import FilesConnector
from plumbline.project import Home, Project
from tests.unit.landing.shop import AS_OF

SYSTEMS = ("crm", "erp", "oa")
CONTRACT = """
version: 2
sources:
  - name: {system}
    tables:
      - name: visit
        columns:
          - {{name: VisitID, config: {{meta: {{type: integer, required: true}}}}}}
      - name: shop
        columns:
          - {{name: ShopID, config: {{meta: {{type: integer, required: true}}}}}}
"""
SYSTEM = """
  {system}:
    connector: files
    path: "{{data}}/{system}"
    tables:
      visit: {{files: "visits*.csv", load: append}}
      shop: {{files: shop.csv}}
"""


class Company:
    """A company of three systems, each with two files of visits and one of shops."""

    def __init__(self, root):
        self.project, self.home, self.data = Project(root / "project"), Home(root / "state"), root / "data"
        self._write(self.project.root / "dbt_project.yml", "name: town\n")
        for system in SYSTEMS:
            staging = self.project.root / "models" / "staging" / system
            self._write(staging / f"_{system}__sources.yml", CONTRACT.format(system=system))
            self.file(system, "visits1.csv", "VisitID\n1\n")
            self.file(system, "visits2.csv", "VisitID\n2\n")
            self.file(system, "shop.csv", "ShopID\n7\n")
        systems = "".join(SYSTEM.format(system=system) for system in SYSTEMS)
        self._write(self.project.sources / "town.yml", f"company: town\nsystems:{systems}")

    def file(self, system, name, text):
        self._write(self.data / system / name, text)

    def begin(self, when_landed=lambda: None):
        return Landings(
            self.project,
            self.home,
            self.sources,
            SYSTEMS,
            data=self.data,
            as_of=AS_OF,
            when_landed=when_landed,
        )

    @property
    def sources(self):
        return load_sources(self.project, "town")

    def loads(self):
        return [(load.load, load.system, load.source) for load in visible_loads(self.home)]

    @staticmethod
    def _write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def company(tmp_path):
    return Company(tmp_path)


@pytest.fixture
def held(monkeypatch):
    """Hold a system back, until its event is set, before it looks at its first table."""
    events = {}
    real = FilesConnector.extracts

    def extracts(connector, table):
        if event := events.get(connector._session.system.name):
            assert event.wait(10)
        yield from real(connector, table)

    monkeypatch.setattr(FilesConnector, "extracts", extracts)
    return lambda system: events.setdefault(system, threading.Event())


def silent(text):
    pass


def landed_in_reverse(company, held):
    """Land with the last system first."""
    waiting = {system: held(system) for system in SYSTEMS[:-1]}
    landings = company.begin()
    for system in reversed(SYSTEMS):
        if system in waiting:
            waiting[system].set()
        landings.result(system, silent)
    landings.close()


def test_loads_are_numbered_system_by_system_whichever_is_faster(company, held):
    landed_in_reverse(company, held)
    assert company.loads() == [
        (3 * place + number, system, source)
        for place, system in enumerate(SYSTEMS)
        for number, source in enumerate(("visits1.csv", "visits2.csv", "shop.csv"), start=1)
    ]


def test_what_lands_is_what_lands_one_by_one(company, held, tmp_path):
    landed_in_reverse(company, held)
    alone = Home(tmp_path / "alone")
    for system in SYSTEMS:
        land_system(company.project, alone, company.sources, system, data=company.data, as_of=AS_OF)
    facts = [
        [(load.load, load.source, load.content_sha256, load.parquet_sha256) for load in visible_loads(home)]
        for home in (company.home, alone)
    ]
    assert facts[0] == facts[1]


def test_a_system_with_more_loads_than_expected_waits_for_those_before_it(company, held, monkeypatch):
    monkeypatch.setattr(together, "expected_loads", lambda session: 1)
    first = held("crm")
    landings = company.begin()
    first.set()
    for system in SYSTEMS:
        landings.result(system, silent)
    landings.close()
    assert [(load, system) for load, system, _ in company.loads()] == [
        (1, "crm"),
        (2, "erp"),
        (3, "oa"),
        *((4 + place, system) for place, system in enumerate(["crm", "crm", "erp", "erp", "oa", "oa"])),
    ]


def test_the_error_of_a_system_is_raised_where_its_result_is_asked_for(company, monkeypatch):
    real = FilesConnector.extracts

    def extracts(connector, table):
        if connector._session.system.name == "crm":
            raise StorageError("the disk is full")
        yield from real(connector, table)

    monkeypatch.setattr(FilesConnector, "extracts", extracts)
    landings = company.begin()
    assert landings.result("erp", silent)["shop"].status == "landed"
    with pytest.raises(StorageError, match="the disk is full"):
        landings.result("crm", silent)
    landings.close()


def test_nothing_becomes_visible_once_the_run_is_over(company, held):
    waiting = [held(system) for system in SYSTEMS]
    landings = company.begin()
    landings._stop.set()
    for event in waiting:
        event.set()
    landings.close()
    assert company.loads() == []
    assert not list(company.home.landing.rglob(".tmp-*"))


def test_it_is_told_at_once_which_systems_brought_something(company):
    told = []
    for expected in ([True] * 3, [True] * 4):
        landings = company.begin(lambda: told.append(True))
        for system in SYSTEMS:
            landings.result(system, silent)
        landings.close()
        assert told == expected
        company.file("erp", "shop.csv", "ShopID\n8\n")


def test_a_run_without_anything_new_takes_no_numbers(company):
    for _ in range(2):
        landings = company.begin()
        for system in SYSTEMS:
            landings.result(system, silent)
        landings.close()
    company.file("oa", "visits3.csv", "VisitID\n3\n")
    landings = company.begin()
    landings.result("oa", silent)
    landings.close()
    assert current_loads(visible_loads(company.home))[-1].load == 9 + 2 * len(["visit", "shop"]) + 1


def test_progress_is_that_of_the_system_that_is_waited_for(company, held):
    second = held("erp")
    landings = company.begin()
    said = {system: [] for system in SYSTEMS}
    landings.result("crm", said["crm"].append)
    second.set()
    landings.result("erp", said["erp"].append)
    landings.close()
    assert said["crm"][-1] == said["erp"][-1] == "shop (2 of 2)"
    assert said["oa"] == []


def break_connector(monkeypatch, error):
    """Have a mistake in the code meet the visits of the CRM."""
    real = FilesConnector.extracts

    def extracts(connector, table):
        if (connector._session.system.name, table.name) == ("crm", "visit"):
            raise error
        yield from real(connector, table)

    monkeypatch.setattr(FilesConnector, "extracts", extracts)


def test_a_mistake_in_a_connector_ends_only_what_it_meets(company, monkeypatch):
    break_connector(monkeypatch, KeyError("hsop"))
    landings = company.begin()
    results = {system: landings.result(system, silent) for system in SYSTEMS}
    landings.close()
    broken = results["crm"]["visit"]
    assert broken.status == "unavailable"
    assert "Plumbline failed at it: KeyError: 'hsop' (test_together.py:" in broken.reason
    traced = company.home.landing / ".errors" / "crm.visit.txt"
    assert str(traced) in broken.todo
    assert "raise error" in traced.read_text(encoding="utf-8")
    others = [results["crm"]["shop"], *results["erp"].outcomes, *results["oa"].outcomes]
    assert {outcome.status for outcome in others} == {"landed"}


def test_a_mistake_while_a_system_is_reached_ends_only_that_system(company, monkeypatch):
    real = FilesConnector.__init__

    def reach(connector, session):
        if session.system.name == "oa":
            raise TypeError("no folder")
        real(connector, session)

    monkeypatch.setattr(FilesConnector, "__init__", reach)
    landings = company.begin()
    statuses = {
        system: {outcome.status for outcome in landings.result(system, silent).outcomes} for system in SYSTEMS
    }
    landings.close()
    assert statuses == {"crm": {"landed"}, "erp": {"landed"}, "oa": {"unavailable"}}


def test_a_full_disk_is_no_mistake_of_a_connector(company, monkeypatch):
    break_connector(monkeypatch, RuntimeError("IO Error: No space left on device"))
    landings = company.begin()
    with pytest.raises(RuntimeError, match="No space left"):
        landings.result("crm", silent)
    landings.close()
