"""The warehouse of the built-in company after a run, and a copy of it for each test to break."""

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from expectations import indicators, landing, marts, staging
from plumbline.definitions import load
from plumbline.landing import load_sources
from plumbline.project import Home, Project
from plumbline.quality import Freshness, StageContext, formulas_of, run_stage
from plumbline.warehouse.contents import inspect_contents

STAGES = {"landing": landing, "staging": staging, "marts": marts, "indicators": indicators}


@pytest.fixture(scope="session")
def demo(second_day) -> Home:
    """The built-in company after a run as of 2026-03-31; its state is not to be changed."""
    return Home(second_day.base / "demo")


class Warehouse:
    """A copy of the warehouse that a test may break, and the gate over it."""

    def __init__(self, path: Path, project: Project) -> None:
        self.con = duckdb.connect(str(path))
        self.formulas = formulas_of(load(path.parent / "semantic_manifest.json", project.root))
        sources = load_sources(project, "demo")
        self.freshness = {
            name: Freshness(system.freshness.warn_after_days, system.freshness.error_after_days)
            for name, system in sources.systems.items()
        }

    def judge(self, stage, *, kept=False):
        """Judge the suites of a stage; with what is kept of the judgements before, where that is `kept`."""
        context = replace(StageContext.of(self.con, self.freshness), formulas=self.formulas)
        marts = inspect_contents(self.con) if kept else None
        return run_stage(self.con, stage, STAGES[stage].suites(), context=context, marts=marts)

    def blocking(self, stage):
        """Give what stops publication at a stage: table and expectation."""
        return {(check.table, check.expected) for check in self.judge(stage).blocking}


@pytest.fixture
def warehouse(demo, tmp_path, project_root):
    copy = shutil.copy(demo.warehouse, tmp_path / "warehouse.duckdb")
    shutil.copy(demo.semantic_manifest, tmp_path / "semantic_manifest.json")
    opened = Warehouse(Path(copy), Project(project_root))
    yield opened
    opened.con.close()
