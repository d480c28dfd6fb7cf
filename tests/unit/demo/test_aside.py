"""The company is generated in a process of its own: the same files, the same errors, and no orphan."""

import json
import select
import subprocess
import sys
from datetime import date
from os import close, pidfd_open

import pytest

from plumbline.demo import generate
from plumbline.demo.aside import Generation
from plumbline.errors import PlumblineError, UsageError

SECONDS = 60
DAY = date(2026, 3, 31)
START = date(2026, 2, 1)
PARENT = """
import sys
from datetime import date
from pathlib import Path
from plumbline.demo.aside import Generation
growing = Generation(Path(sys.argv[1]), as_of=date(2026, 3, 31), scale=50)
print(growing._process.pid, flush=True)
sys.stdin.read()
"""


def grown(path, **settings):
    return Generation(path, as_of=DAY, **{"scale": 0.01, "start": START, **settings})


def test_it_writes_what_generate_writes_and_tells_how_far_it_is(tmp_path):
    heard = []
    seconds = grown(tmp_path / "aside").wait(lambda text, fraction: heard.append(fraction))
    generate(tmp_path / "here", scale=0.01, start=START, as_of=DAY)
    aside, here = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.jsonl*")}
        for name in ("aside", "here")
    )
    assert aside == here != {}
    assert heard == sorted(heard)
    assert heard[-1] == 1
    assert seconds > 0


def test_what_it_cannot_do_is_raised_as_generate_raises_it(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("not a company", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        grown(tmp_path / "mine").wait(lambda *_: None)
    assert str(tmp_path / "mine") in str(caught.value)


def test_one_that_is_killed_is_told(tmp_path):
    growing = grown(tmp_path / "company", scale=50)
    growing._process.kill()
    with pytest.raises(PlumblineError, match="ended early"):
        growing.wait(lambda *_: None)


def test_it_dies_with_whoever_began_it(tmp_path):
    command = [sys.executable, "-c", PARENT, str(tmp_path / "company")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        child = pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    ended, _, _ = select.select([child], [], [], SECONDS)
    close(child)
    assert ended
    assert not (tmp_path / "company").exists()


def test_a_place_that_cannot_be_written_is_an_error_without_a_traceback(tmp_path):
    (tmp_path / "file").write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(PlumblineError) as caught:
        grown(tmp_path / "file" / "company").wait(lambda *_: None)
    assert "Traceback" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
