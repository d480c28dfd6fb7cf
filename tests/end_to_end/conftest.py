"""Companies that have run, built once and shared by all tests; and copies of them to be changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plumbline.project import Home
from tests.built_once import built_once
from tests.end_to_end.killing import grow_on
from tests.end_to_end.young import Day, Young

ROOT = Path(__file__).resolve().parents[2]
ADVENTUREWORKS = Path(
    os.environ.get("PLUMBLINE_ADVENTUREWORKS", ROOT.parent / "shared" / "data" / "adventureworks")
)


def plumb(*arguments, home, **environment):
    """Run the command `plumb` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "plumbline", *map(str, arguments)],
        env={**os.environ, "PLUMBLINE_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def run_first(base):
    done = plumb("run", home=base)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory):
    """The state of the built-in company after its first run; not to be changed."""
    return Home(built_once(tmp_path_factory, "home", run_first) / "demo")


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


@pytest.fixture(scope="session")
def adventureworks(tmp_path_factory):
    """The PLUMBLINE_HOME in which AdventureWorks has run once; not to be changed."""
    return built_once(tmp_path_factory, "adventureworks", run_adventureworks)


def run_adventureworks(base, data=ADVENTUREWORKS, code=0):
    done = plumb("run", *("--company", "adventureworks", "--data", data, "--as-of", "2014-06-30"), home=base)
    assert done.returncode == code, done.stdout + done.stderr
