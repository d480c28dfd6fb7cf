"""A small company, built once for all tests of lineage, and every answer of it."""

import shutil

import pytest

from plumbline.lineage import read_lineage
from plumbline.project import Home, Project
from tests.influence_by_day import DatedCompany


@pytest.fixture(scope="package")
def home(young, tmp_path_factory):
    copy = tmp_path_factory.mktemp("lineage") / "copy"
    shutil.copytree(young.base / "demo", copy, symlinks=True)
    return Home(copy)


@pytest.fixture(scope="package")
def project(project_root):
    return Project(project_root)


@pytest.fixture(scope="package")
def lineage(project, home):
    return read_lineage(project, home)


@pytest.fixture(scope="package")
def company(project, home):
    return DatedCompany(project, home)
