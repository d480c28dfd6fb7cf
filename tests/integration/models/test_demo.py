"""The built-in company: what was planted is found, and its next days give what a rebuild gives."""

import json
from datetime import date, timedelta

import duckdb
import pytest

from orchestration.dbt_runner import BUILD, Dbt
from plumbline.demo import generate
from plumbline.landing import land_system, load_sources, register
from plumbline.project import Home

START, FIRST_DAY = date(2025, 7, 1), date(2026, 3, 30)


class Demo:
    """The built-in company, day by day."""

    def __init__(self, project, manifest, root):
        self.project = project
        self.home = Home(root)
        self.sources = load_sources(project, "demo")
        self.manifest = manifest

    def live_to(self, day):
        generate(self.home.data, scale=0.03, seed=7, start=START, as_of=day)
        for system in self.sources.systems:
            land_system(self.project, self.home, self.sources, system, data=self.home.data, as_of=day)
        with duckdb.connect(str(self.home.warehouse)) as connection:
            register(connection, self.home, self.project, self.sources, day, "run")

    def build(self, *flags):
        Dbt(self.project, self.home, manifest=self.manifest).invoke([*BUILD, *flags])

    def planted(self):
        return json.loads((self.home.data / "company.json").read_text())["planted"]

    def reconciliation(self):
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            return connection.execute(
                "select system || '.' || table_name, landed, duplicates, superseded, quarantined "
                "from quarantine.reconciliation where landed > 0"
            ).fetchall()


@pytest.fixture(scope="module")
def demo(project, manifest, tmp_path_factory):
    demo = Demo(project, manifest, tmp_path_factory.mktemp("demo"))
    demo.live_to(FIRST_DAY)
    demo.build()
    return demo


def test_exactly_what_was_planted_is_found(demo):
    planted = {
        table: (found["rows"], found["duplicate"], found["superseded"], sum(found["quarantined"].values()))
        for table, found in demo.planted().items()
    }
    assert {table: tuple(counts) for table, *counts in demo.reconciliation()} == planted


def test_the_next_days_give_what_a_rebuild_gives(demo, digests):
    for days in (1, 4):
        demo.live_to(FIRST_DAY + timedelta(days=days))
        demo.build()
    day_by_day = digests(demo.home)
    demo.build("--full-refresh")
    assert day_by_day == digests(demo.home)
