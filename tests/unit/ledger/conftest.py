import pytest

from plumbline.ledger import Ledger


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "demo" / "ledger")
