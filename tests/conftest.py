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


def pytest_collection_modifyitems(items):
    """Keep an integration file on one test process: its tests share companies that take seconds to build."""
    for item in items:
        if "integration" in item.path.parts and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(ROOT))))
