"""A small company, built once for all tests of lineage, and every answer of it."""

import pytest

from plumbline.lineage import read_lineage
from plumbline.project import Home, Project
from tests.companies import plumb
from tests.influence_by_day import DatedCompany


@pytest.fixture(scope="package")
def home(tmp_path_factory):
    base = tmp_path_factory.mktemp("lineage")
    done = plumb("run", "--as-of", "2026-06-30", home=base, PLUMBLINE_DEMO_SCALE="0.02")
    assert done.returncode == 0, done.stdout + done.stderr
    return Home(base / "demo")


@pytest.fixture(scope="package")
def project(project_root):
    return Project(project_root)


@pytest.fixture(scope="package")
def lineage(project, home):
    return read_lineage(project, home)


@pytest.fixture(scope="package")
def company(project, home):
    return DatedCompany(project, home)
