"""Ctrl-C ends a run at once, in one line, whatever its threads, libraries and processes are doing."""

import json
import os
import select
import signal
import subprocess
import sys
import threading

import pytest

from plumbline.runs import RunLock, RunRecord, end_running, read_runs, stopping

WORK = """
import os, subprocess, sys, threading
from plumbline.runs import stopping
with stopping(lambda: "stopped by you"):
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    print(child.pid, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    {work}
"""
KINDS_OF_WORK = {
    "waiting for a thread": "threading.Event().wait()",
    "in the database": "import duckdb; duckdb.sql('select count(*) from range(1000000000000)').fetchall()",
    "hiding exceptions": """while True:
        try: threading.Event().wait()
        except BaseException: pass""",
}


@pytest.mark.parametrize("work", KINDS_OF_WORK.values(), ids=KINDS_OF_WORK)
def test_an_interrupt_ends_the_process_and_its_children_with_one_line(work):
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.replace("{work}", work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    child = os.pidfd_open(int(process.stdout.readline()))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "stopped by you\n")
    ended, _, _ = select.select([child], [], [], 60)
    os.close(child)
    assert ended


@pytest.fixture
def interruptible():
    """Have SIGINT mean what it means at a terminal, however the tests were started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_afterwards_an_interrupt_is_what_it_was(interruptible):
    threads = threading.active_count()
    with stopping(lambda: "never said"):
        pass
    assert threading.active_count() == threads
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_run_without_a_process_has_died(tmp_path):
    lock = tmp_path / "run.lock"
    for run_id in ("20260101T000000-dead", "20260102T000000-live"):
        RunRecord(run_id, "demo", "2026-01-01").save(tmp_path)
    told = json.loads((tmp_path / "20260101T000000-dead.json").read_text(encoding="utf-8"))
    (tmp_path / "20260101T000000-dead.json").write_text(json.dumps({**told, "pid": 1}), encoding="utf-8")
    with RunLock(lock):
        assert [run["status"] for run in read_runs(tmp_path, lock, 10)] == ["running", "died"]
    assert [run["status"] for run in read_runs(tmp_path, lock, 10)] == ["died", "died"]


def test_only_the_run_of_this_process_is_ended(tmp_path):
    RunRecord("20260101T000000-mine", "demo", "2026-01-01").save(tmp_path)
    RunRecord("20260102T000000-other", "demo", "2026-01-01", pid=1).save(tmp_path)
    RunRecord("20260103T000000-done", "demo", "2026-01-01", status="published").save(tmp_path)
    end_running(tmp_path, "failed", "why")
    runs = read_runs(tmp_path, tmp_path / "run.lock", 10)
    ended = [(run["status"], run["error"]) for run in runs]
    assert ended == [("published", ""), ("died", ""), ("failed", "why")]


def test_a_look_at_the_lock_does_not_take_it(tmp_path):
    lock = tmp_path / "run.lock"
    with RunLock(lock):
        pass
    assert read_runs(tmp_path, lock, 10) == []
    with RunLock(lock):
        assert os.getpid() == json.loads(lock.read_text(encoding="utf-8"))["pid"]
