"""`plumb` as a process: what it prints arrives, and its exit code tells how it went."""

import subprocess
import sys

import pytest


def plumb(*arguments, stdout=subprocess.PIPE):
    command = [sys.executable, "-m", "plumbline", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--help",), 0), ((), 0), (("query",), 2), (("show", "x", "--company", "no"), 2)]
)
def test_the_exit_code_is_that_of_the_command(arguments, code):
    assert plumb(*arguments).returncode == code


@pytest.mark.parametrize("given", ["99999", "0", "http"])
def test_a_port_that_cannot_be_is_refused_at_once(given):
    told = plumb("ui", "--port", given)
    assert told.returncode == 2
    assert f"'{given}' is no port: give a number from 1 to 65535" in told.stderr


def test_all_output_arrives_before_the_process_ends():
    assert plumb("--help").stdout.rstrip().endswith("more about a command.")


def test_a_full_disk_under_the_output_is_told():
    with open("/dev/full", "w", encoding="utf-8") as full:
        ended = plumb("lint", "--help", stdout=full)
    assert ended.returncode in (0, 1)
    assert "Traceback" not in ended.stderr
