"""A company that has run once, shared by the tests of one process."""

import shutil
import subprocess
import sys

import pytest

from plumbline.project import Home
from tests.end_to_end.killing import grown_on
from tests.end_to_end.young import Young


def plumb(*arguments, home, **environment):
    """Run the command `plumb` in a process of its own."""
    import os

    return subprocess.run(
        [sys.executable, "-m", "plumbline", *map(str, arguments)],
        env={**os.environ, "PLUMBLINE_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory):
    """The state of the built-in company after its first run; not to be changed."""
    base = tmp_path_factory.mktemp("home")
    done = plumb("run", home=base)
    assert done.returncode == 0, done.stdout + done.stderr
    return Home(base / "demo")


@pytest.fixture
def company(demo_home, tmp_path):
    """A copy of that state and its witness, free to be changed; gives PLUMBLINE_HOME."""
    shutil.copytree(demo_home.root.parent, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def young(tmp_path_factory):
    """A young company that has published its first day, and may live its second; not to be changed."""
    return Young.grown(tmp_path_factory.mktemp("young"))


@pytest.fixture(scope="session")
def second_day(young, tmp_path_factory):
    """What a run that nobody disturbs makes of its second day; not to be changed."""
    return grown_on(young, tmp_path_factory.mktemp("second") / "home")
