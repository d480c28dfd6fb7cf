"""Companies that have run, built once and shared by all tests; and copies of them to be changed."""

import shutil

import pytest

from tests.built_once import built_once
from tests.companies import plumb as plumb
from tests.end_to_end.young import DAYS


@pytest.fixture
def company(demo_home, tmp_path):
    """A copy of that state and its witness, free to be changed; gives PLUMBLINE_HOME."""
    shutil.copytree(demo_home.root.parent, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def remote(young, tmp_path_factory):
    """The PLUMBLINE_HOME of the young company, built anew over the network; not to be changed."""
    from tests.end_to_end.remote import run_over_the_network

    return built_once(
        tmp_path_factory,
        "remote",
        lambda base: run_over_the_network(base, young.extracts[DAYS[1]], tmp_path_factory),
    )
