"""What all tests share."""

import gc
import os

import pytest
from hypothesis import settings

from plumbline.project import Home, Project
from tests.built_once import built_once
from tests.companies import ADVENTUREWORKS, ROOT, run_adventureworks, run_built_in_company
from tests.ending import end_all_with_this_process

os.environ.setdefault("PLUMBLINE_DEMO_SCALE", "0.25")
os.environ["PLUMBLINE_PROJECT"] = str(ROOT)
# The many processes that tests start need not compile the project each for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def project_root():
    return ROOT


@pytest.fixture(scope="session")
def parsed(tmp_path_factory):
    """A home that has dbt's manifests of the project as it stands, and nothing else; not to be changed."""
    return Home(built_once(tmp_path_factory, "parsed", parse_project))


def parse_project(base):
    from orchestration.prepare import prepare

    prepare(Project(ROOT), Home(base))


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory):
    """The state of the built-in company after its first run; not to be changed."""
    return Home(built_once(tmp_path_factory, "demo", run_built_in_company) / "demo")


@pytest.fixture(scope="session")
def adventureworks(tmp_path_factory):
    """The PLUMBLINE_HOME in which AdventureWorks has run once, or a skip; not to be changed."""
    if not (ADVENTUREWORKS / "erp").is_dir():
        pytest.skip(f"no AdventureWorks extracts in {ADVENTUREWORKS}; PLUMBLINE_ADVENTUREWORKS names them")
    return built_once(tmp_path_factory, "adventureworks", run_adventureworks)


@pytest.fixture(scope="session")
def young(tmp_path_factory):
    """A young company that has published its first day, and may live its second; not to be changed."""
    from tests.end_to_end.young import Young

    return Young.at(built_once(tmp_path_factory, "young", Young.grow))


@pytest.fixture(scope="session")
def second_day(young, tmp_path_factory):
    """What a run that nobody disturbs makes of its second day; not to be changed."""
    from tests.end_to_end.killing import grow_on
    from tests.end_to_end.young import Day

    place = built_once(tmp_path_factory, "second_day", lambda place: grow_on(young, place / "home"))
    return Day(place / "home")


@pytest.fixture(scope="session")
def undecided(young, tmp_path_factory):
    """The company on a second day that has what people must decide, and so is held; not to be changed."""
    from tests.end_to_end.undecided import Undecided

    return Undecided.at(built_once(tmp_path_factory, "undecided", lambda place: Undecided.grow(young, place)))


# Made-up examples are the same in each run; `make test-long` makes up many more.
settings.register_profile("short", max_examples=40, derandomize=True, database=None, deadline=None)
settings.register_profile("long", max_examples=1000, deadline=None)
settings.load_profile("short")
# What takes longest begins first, so that no process is left with it alone in the end; of that, files that
# build one company each, so that no process waits for what another builds.
ORDER = ("end_to_end", "integration", "conformance", "unit")
BUILDERS = ("test_adventureworks", "test_agents", "test_remote", "test_documents", "test_deciding")


def pytest_configure(config):
    """Let nothing that tests start outlive a pytest that is ended; what xdist starts belongs to it, too."""
    if not hasattr(config, "workerinput"):
        end_all_with_this_process()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    """Keep a file on one test process, for what its tests share; the tests of files `apart` go anywhere."""
    for item in items:
        if not item.get_closest_marker("xdist_group") and not item.get_closest_marker("apart"):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(ROOT))))
    result = yield
    for item in items:
        # pytest-xdist 3.8 writes the group where pytest 9.2 does not read it any more.
        if "_nodeid" in vars(item) and hasattr(item, "_id"):
            item._id = item._id.parse(item._nodeid)
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)
    return result


def pytest_collection_finish():
    """Leave what stays until the end out of the search for garbage, which is made less often, too."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_sessionfinish():
    """Let everything go in good order: DuckDB tells of what is still there when the process ends.

    It would be there as long as Hypothesis counts the time of the search for garbage, until the very end.
    """
    gc.unfreeze()
    gc.callbacks[:] = [call for call in gc.callbacks if not call.__module__.startswith("hypothesis.")]


def _turn(item):
    kind, name = item.path.relative_to(ROOT).parts[1], item.path.stem
    return _place(kind, ORDER), _place(name, BUILDERS) if kind == ORDER[0] else 0


def _place(name, names):
    return names.index(name) if name in names else len(names)
