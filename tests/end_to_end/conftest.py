"""Companies that have run, built once and shared by all tests; and copies of them to be changed."""

import shutil

import pytest

from tests.companies import plumb as plumb


@pytest.fixture
def company(demo_home, tmp_path):
    """A copy of that state and its witness, free to be changed; gives PLUMBLINE_HOME."""
    shutil.copytree(demo_home.root.parent, tmp_path / "home", symlinks=True)
    return tmp_path / "home"
