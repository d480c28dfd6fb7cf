"""Companies that have run, built once and shared by all tests; and copies of them to be changed."""

import shutil

import pytest

from tests.built_once import built_once
from tests.companies import plumb as plumb
from tests.end_to_end.killing import grow_on
from tests.end_to_end.young import Day, Young


@pytest.fixture
def company(demo_home, tmp_path):
    """A copy of that state and its witness, free to be changed; gives PLUMBLINE_HOME."""
    shutil.copytree(demo_home.root.parent, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def young(tmp_path_factory):
    """A young company that has published its first day, and may live its second; not to be changed."""
    return Young.at(built_once(tmp_path_factory, "young", Young.grow))


@pytest.fixture(scope="session")
def second_day(young, tmp_path_factory):
    """What a run that nobody disturbs makes of its second day; not to be changed."""
    place = built_once(tmp_path_factory, "second_day", lambda place: grow_on(young, place / "home"))
    return Day(place / "home")
