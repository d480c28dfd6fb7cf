"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("PLUMBLINE_DEMO_SCALE", "0.25")
os.environ["PLUMBLINE_PROJECT"] = str(ROOT)
# The many processes that tests start need not compile the project each for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def project_root():
    return ROOT


# What takes longest begins first, so that no process is left with it alone in the end.
ORDER = ("end_to_end", "integration", "conformance", "unit")


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
        items.sort(key=lambda item: ORDER.index(item.path.relative_to(ROOT).parts[1]))
    return result
