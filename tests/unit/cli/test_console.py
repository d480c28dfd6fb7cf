"""`plumb` as a process: what it prints arrives, and its exit code tells how it went."""

import os
import subprocess
import sys

import pytest

from plumbline.cli.main import main


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


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", r"\u6bdb\u5229"), ("gbk", "毛利"), ("utf-8", "毛利")]
)
def test_a_terminal_without_the_characters_of_a_label_shows_their_numbers(encoding, shown):
    script = "from plumbline.cli import main as cli; cli.main = lambda: print('毛利') or 0; cli.console()"
    told = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=True,
    )
    assert told.stdout.decode(encoding).strip() == shown


def test_a_place_that_cannot_be_written_to_is_told_without_a_traceback(tmp_path):
    (tmp_path / "file").write_text("no directory", encoding="utf-8")
    told = plumb("demo", "generate", "--scale", "0.001", "--out", str(tmp_path / "file" / "company"))
    assert told.returncode == 1
    first, why, todo = told.stderr.splitlines()
    assert first.endswith("this path cannot be used [unusable-path]")
    assert str(tmp_path / "file") in first
    assert (why.strip(), todo.strip()[:13]) == ("Not a directory.", "Let this user")


def test_what_only_a_developer_can_mend_keeps_its_traceback(monkeypatch):
    def broken(*_):
        raise ConnectionResetError("nobody expects this")

    monkeypatch.setattr("plumbline.cli.status.run", broken)
    with pytest.raises(ConnectionResetError):
        main(["status"])
