"""Dagster's event log in one file."""

import threading
from uuid import uuid4

import dagster as dg
import pytest

from orchestration.launch import close_dead_runs, instance_home
from plumbline.project import Home

ORDERS = dg.AssetKey(["marts", "orders"])


@dg.asset(key=ORDERS, check_specs=[dg.AssetCheckSpec("quality", asset=ORDERS)])
def orders():
    yield dg.MaterializeResult(metadata={"dagster/row_count": 3})
    yield dg.AssetCheckResult(check_name="quality", passed=False)


@pytest.fixture
def open_instance(tmp_path):
    """Open the instance of a company, as a run or as Dagster's pages do."""
    opened = []

    def once():
        opened.append(dg.DagsterInstance.from_config(str(instance_home(Home(tmp_path)))))
        return opened[-1]

    yield once
    for instance in opened:
        instance.dispose()


def test_what_one_process_wrote_another_reads(open_instance, tmp_path):
    done = dg.materialize([orders], instance=open_instance())
    reader = open_instance()
    event = reader.get_latest_materialization_event(ORDERS)
    assert event.asset_materialization.metadata["dagster/row_count"].value == 3
    (check,) = reader.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(ORDERS, "quality"), limit=10
    )
    assert (check.run_id, check.status.value) == (done.run_id, "FAILED")
    assert [path.name for path in (tmp_path / "dagster" / "history").glob("event*.db")] == ["event_log.db"]


def test_the_pages_hear_of_events_while_the_run_goes_on(open_instance):
    heard = threading.Event()
    pages = open_instance()
    run_id = str(uuid4())
    pages.watch_event_logs(run_id, None, lambda *_: heard.set())
    job = dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=open_instance(), run_id=run_id)
    assert heard.wait(30)


def test_a_run_that_was_killed_is_closed_by_the_next(open_instance):
    instance = open_instance()
    dead = instance.create_run_for_job(
        dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def()
    )
    close_dead_runs(open_instance())
    assert instance.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE
