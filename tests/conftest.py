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
