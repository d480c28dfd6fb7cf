"""A full disk is told as such, whoever meets it."""

import errno
from types import SimpleNamespace

import pytest

from orchestration.dbt_runner import Dbt
from orchestration.launch import _full_disk_explained
from plumbline.errors import GateError, StorageError
from plumbline.project import Home, Project

MESSAGES = [
    'TransactionContext Error: Failed to commit: Could not write file "w.wal": No space left on device',
    'IO Error: Could not write file "w.duckdb": File too large',
    "Out of Memory Error: failed to offload data block: out of disk space",
    "(sqlite3.OperationalError) database or disk is full",
]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "x"), *map(RuntimeError, MESSAGES)])
def test_a_step_that_meets_a_full_disk_says_so(tmp_path, error):
    with pytest.raises(StorageError) as caught, _full_disk_explained(Home(tmp_path)):
        raise error
    assert caught.value.code == "disk-full"
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("error", [ValueError("space"), GateError("no space left for doubt")])
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)) as caught, _full_disk_explained(Home(tmp_path)):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("message", MESSAGES)
def test_a_model_that_meets_a_full_disk_is_not_to_blame(tmp_path, monkeypatch, message):
    node = SimpleNamespace(unique_id="model.plumbline.orders", name="orders", resource_type="model")
    result = SimpleNamespace(
        node=node, status="error", execution_time=1.0, adapter_response={}, message=message
    )
    outcome = SimpleNamespace(success=False, result=SimpleNamespace(results=[result]), exception=None)
    dbt = Dbt(Project(tmp_path), Home(tmp_path))
    monkeypatch.setattr(dbt, "_invoke", lambda _: outcome)
    with pytest.raises(StorageError) as caught:
        dbt.invoke(["run"])
    assert "Mend the model" not in str(caught.value)
