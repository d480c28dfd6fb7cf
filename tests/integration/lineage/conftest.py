"""A small company, built once for all tests of lineage, and every answer of it."""

import os
import subprocess
import sys

import pytest

from plumbline.lineage import read_lineage
from plumbline.project import Home, Project
from tests.influence_by_day import DatedCompany


@pytest.fixture(scope="package")
def home(tmp_path_factory):
    base = tmp_path_factory.mktemp("lineage")
    done = subprocess.run(
        [sys.executable, "-m", "plumbline", "run", "--as-of", "2026-06-30"],
        env={**os.environ, "PLUMBLINE_HOME": str(base), "PLUMBLINE_DEMO_SCALE": "0.02"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
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
