"""When runs start, and what a failed one leaves behind."""

import json
import os

import dagster as dg
import pytest

from orchestration.defs import automation
from plumbline.landing import load_sources
from plumbline.project import Project


@pytest.fixture(scope="module")
def sources(project_root):
    return load_sources(Project(project_root), "demo")


@pytest.fixture
def drop(tmp_path, monkeypatch):
    """The directory of the extracts; `drop(name, text)` puts a file there."""
    monkeypatch.setenv("PLUMBLINE_DATA", str(tmp_path))

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def look(sources):
    """Let the sensor look once more; give the key of the run that it asks for, or None."""
    sensor = automation.dropped_files(sources)
    cursors = [None]

    def once(again_after_a_crash=False):
        context = dg.build_sensor_context(cursor=cursors[-1 - again_after_a_crash])
        found = sensor(context)
        cursors.append(context.cursor)
        return found.run_key if isinstance(found, dg.RunRequest) else None

    return once


def test_a_run_is_due_every_morning_at_six(sources):
    schedule = automation.daily_schedule(sources)
    assert (schedule.job_name, schedule.cron_schedule) == ("daily_run", "0 6 * * *")
    assert schedule.execution_timezone == "UTC"


def test_a_dropped_file_starts_one_run(look, drop):
    drop("crm/Sales_Customer.jsonl", "{}\n")
    assert [bool(look()) for _ in range(4)] == [False, True, False, False]


def test_a_file_that_is_still_growing_starts_no_run(look, drop):
    started = []
    for size in range(1, 4):
        drop("crm/Sales_Customer.jsonl", "{}\n" * size)
        started.append(look())
    assert started == [None, None, None]
    assert look()
    assert not look()


@pytest.mark.parametrize("change", ["content", "time", "gone", "new"])
def test_each_change_of_the_files_starts_one_run(look, drop, change):
    path = drop("oa/approval_steps.csv", "RequestID\n1\n")
    look(), look()
    if change == "content":
        drop("oa/approval_steps.csv", "RequestID\n1\n2\n")
    elif change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "gone":
        path.unlink()
    else:
        drop("oa/hr.xlsx", "")
    assert [bool(look()) for _ in range(3)] == [False, True, False]


def test_files_that_are_put_back_start_a_run_of_their_own(look, drop):
    path = drop("crm/Sales_Customer.jsonl", "{}\n")
    facts = path.stat()
    look()
    first = look()
    path.unlink()
    look(), look()
    drop("crm/Sales_Customer.jsonl", "{}\n")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    look()
    assert look() not in (None, first)


def test_a_look_that_was_lost_asks_for_the_same_run_again(look, drop):
    drop("crm/Sales_Customer.jsonl", "{}\n")
    look()
    first = look()
    assert look(again_after_a_crash=True) == first


def test_files_of_other_systems_start_no_run(look, drop):
    look(), look()
    drop("erp.sqlite", "")
    assert [look() for _ in range(3)] == [None, None, None]


def test_a_failed_run_is_recorded_where_status_finds_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    monkeypatch.setenv("PLUMBLINE_COMPANY", "demo")

    @dg.op
    def breaks():
        raise ValueError("the roof is gone")

    @dg.job
    def daily_run():
        breaks()

    with dg.instance_for_test() as instance:
        done = daily_run.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failures",
            dagster_instance=instance,
            dagster_run=done.dagster_run,
            dagster_event=done.get_run_failure_event(),
        ).for_run_failure()
        automation.run_failures()(context)
    (path,) = (tmp_path / "demo" / "runs" / "failures").iterdir()
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["job"] == "daily_run"
    assert record["dagster_run"] == done.run_id


def test_failed_runs_are_recorded_without_anybody_switching_it_on():
    assert automation.run_failures().default_status is dg.DefaultSensorStatus.RUNNING
