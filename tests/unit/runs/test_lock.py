import os
import signal
import subprocess
import sys

import pytest

from plumbline.errors import LockedError
from plumbline.runs import RunLock

HOLD = """
import sys
from pathlib import Path
from plumbline.runs import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate()


def test_a_second_process_is_told_who_holds_the_lock(tmp_path, holder):
    with pytest.raises(LockedError) as raised, RunLock(tmp_path / "run.lock"):
        pass
    assert f"Process {holder.pid}" in str(raised.value)
    assert raised.value.exit_code == 5


def test_the_lock_of_a_killed_process_is_free(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with RunLock(tmp_path / "run.lock"):
        pass


def test_the_same_process_may_enter_again_and_keeps_the_lock(tmp_path):
    path = tmp_path / "run.lock"
    with RunLock(path):
        with RunLock(path):
            pass
        command = [sys.executable, "-c", HOLD, str(path)]
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert "another run is at work" in answer.stderr
