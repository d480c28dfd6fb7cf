"""`plumb run` before and after its work: what it refuses at once, and its last words."""

import os
import signal
import subprocess
import sys

import pytest

from plumbline.cli.main import main

ENDED = """
import sys
from plumbline.cli import main, run
def execute(*_):
    {how}
run._execute = execute
sys.exit(main.main(["run", "--company", "demo", "--as-of", "2026-03-31"]))
"""

DURING = """
    from dagster._core.errors import DagsterExecutionInterruptedError
    raise DagsterExecutionInterruptedError
"""
AFTERWARDS = """
    import os, signal
    from dagster._utils.interrupts import capture_interrupts
    with capture_interrupts():
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))


@pytest.mark.parametrize("how", [DURING, AFTERWARDS])
def test_a_run_that_is_ended_from_outside_says_so_in_one_line(how):
    ended = subprocess.run([sys.executable, "-c", ENDED.format(how=how)], capture_output=True, text=True)
    assert ended.returncode == 128 + signal.SIGTERM
    assert ended.stderr.rstrip(os.linesep) == (
        "stopped from outside; nothing was published; run again with "
        "`plumb run --company demo --as-of 2026-03-31`"
    )


@pytest.mark.parametrize(
    ("option", "code", "told"),
    [("--as-of", "bad-date", "'' is no date"), ("--data", "no-data", "'' is no directory")],
)
def test_an_empty_value_is_no_default(option, code, told, capsys):
    """A script with a variable that is not set must not run for another day, or another directory."""
    assert main(["run", option, ""]) == 2
    error = capsys.readouterr().err
    assert f"[{code}]" in error
    assert told in error


@pytest.mark.parametrize("name", ["../demo", "Demo", "", "a b", "/etc"])
def test_a_name_that_no_company_can_have_is_told_as_such(name, capsys):
    assert main(["run", "--company", name]) == 2
    error = capsys.readouterr().err
    assert f"{name!r} is no company name [bad-company]" in error
    assert "orchestration/sources/" not in error
