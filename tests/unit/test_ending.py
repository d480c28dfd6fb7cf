"""Nothing that tests have started outlives a pytest that is ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STARTS_THREE = """
import signal, subprocess, sys
from tests.ending import end_all_with_this_process

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup would have it ignored
end_all_with_this_process()
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
leave = f"import subprocess; print(subprocess.Popen({sleep}, start_new_session=True, stdout=-3).pid)"
child, other = subprocess.Popen(sleep, env={}), subprocess.Popen(sleep, process_group=0)
orphan = subprocess.run([sys.executable, "-c", leave], stdout=subprocess.PIPE, text=True).stdout
print(child.pid, other.pid, orphan, flush=True)
child.wait()
"""


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_children_groups_of_their_own_and_orphans_end_with_it(number):
    with subprocess.Popen([sys.executable, "-c", STARTS_THREE], stdout=subprocess.PIPE, text=True) as parent:
        started = [int(word) for word in parent.stdout.readline().split()]
        assert [is_alive(process) for process in started] == [True] * 3
        parent.send_signal(number)
        assert parent.wait() == -number
    try:
        for _ in range(600):
            if not any(map(is_alive, started)):
                break
            time.sleep(0.1)
        assert [process for process in started if is_alive(process)] == []
    finally:
        for process in filter(is_alive, started):
            os.kill(process, signal.SIGKILL)
