"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("PLUMBLINE_DEMO_SCALE", "0.25")
os.environ["PLUMBLINE_PROJECT"] = str(ROOT)


@pytest.fixture(scope="session")
def project_root():
    return ROOT


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    """Keep an integration file on one test process: its tests share companies that take seconds to build."""
    for item in items:
        if "integration" in item.path.parts and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(ROOT))))
    result = yield
    for item in items:
        # pytest-xdist 3.8 writes the group where pytest 9.2 does not read it any more.
        if "_nodeid" in vars(item) and hasattr(item, "_id"):
            item._id = item._id.parse(item._nodeid)
    return result
