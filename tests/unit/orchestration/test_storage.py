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


def test_what_is_planned_is_stored_at_once_and_read_by_another(open_instance, monkeypatch):
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
    lines = dg.asset(key=["marts", "lines"])(lambda: None)
    done = dg.materialize([orders, lines], instance=open_instance())
    planned = open_instance().get_records_for_run(
        done.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    )
    keys = {record.event_log_entry.dagster_event.asset_key.to_user_string() for record in planned.records}
    assert keys == {"marts/orders", "marts/lines"}


@dg.asset(deps=[ORDERS])
def broken():
    raise ValueError("broken")


def test_a_run_that_failed_can_be_retried_where_it_failed(open_instance):
    job = dg.Definitions(assets=[orders, broken]).resolve_implicit_global_asset_job_def()
    failed = job.execute_in_process(instance=open_instance(), raise_on_error=False)
    outputs = open_instance().get_records_for_run(failed.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    names = [record.event_log_entry.dagster_event.step_key for record in outputs.records]
    assert names == ["marts__orders", "marts__orders"]


def test_outputs_are_read_before_their_step_has_ended(open_instance):
    instance = open_instance()
    done = dg.materialize([orders], instance=instance)
    of_type = {"of_type": dg.DagsterEventType.STEP_OUTPUT}
    (first, *_) = instance.get_records_for_run(done.run_id, **of_type).records
    before = len(instance.get_records_for_run(done.run_id, **of_type).records)
    instance.event_log_storage.store_event(first.event_log_entry)
    assert len(instance.get_records_for_run(done.run_id, **of_type).records) == before + 1


def test_events_that_cannot_be_stored_together_leave_nothing_behind(open_instance, monkeypatch):
    instance = open_instance()
    run_id = dg.materialize([orders], instance=instance).run_id
    events = [record.event_log_entry for record in instance.get_records_for_run(run_id).records]
    storage, before = instance.event_log_storage, len(events)
    monkeypatch.setattr(type(storage), "store_asset_check_event", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        storage.store_event_batch(events)
    assert len(instance.get_records_for_run(run_id).records) == before


def test_an_asset_that_was_wiped_has_no_materialization_until_the_next(open_instance):
    instance = open_instance()
    dg.materialize([orders], instance=instance)
    instance.wipe_assets([ORDERS])
    assert not [record for record in instance.get_asset_records([ORDERS]) if _last(record)]
    done = dg.materialize([orders], instance=instance)
    (record,) = instance.get_asset_records([ORDERS])
    assert _last(record).run_id == done.run_id


def _last(record):
    return record.asset_entry.last_materialization_record
