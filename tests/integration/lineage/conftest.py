"""The built-in company, and every answer of it."""

import shutil

import pytest

from plumbline.lineage import read_lineage
from plumbline.project import Home, Project
from tests.influence_by_day import DatedCompany


@pytest.fixture(scope="package")
def home(demo_home, tmp_path_factory):
    """A copy of the built-in company, for lineage keeps what it has compiled."""
    place = tmp_path_factory.mktemp("lineage") / "demo"
    return Home(shutil.copytree(demo_home.root, place, symlinks=True))


@pytest.fixture(scope="package")
def project(project_root):
    return Project(project_root)


@pytest.fixture(scope="package")
def lineage(project, home):
    return read_lineage(project, home)


@pytest.fixture(scope="package")
def company(project, home):
    return DatedCompany(project, home)
