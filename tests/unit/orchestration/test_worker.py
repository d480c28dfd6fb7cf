"""dbt in a process of its own: it answers, it says why not, and it dies with whoever started it."""

import select
import subprocess
import sys
import time
from os import close, pidfd_open

import pytest

from orchestration.dbt_runner import DefinitionsError, ModelError
from orchestration.dbt_worker import DbtWorker
from orchestration.prepare import is_prepared, prepare
from plumbline.errors import PlumblineError
from plumbline.project import Home, Project

SECONDS = 60

PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from orchestration.dbt_worker import DbtWorker
from plumbline.project import Home, Project
worker = DbtWorker(Project(Path(sys.argv[1])), Home(Path(sys.argv[2])))
print(worker._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def worker(project_root, tmp_path):
    started = DbtWorker(Project(project_root), Home(tmp_path))
    yield started
    started.close()


def test_the_worker_dies_with_its_parent(project_root, tmp_path):
    command = [sys.executable, "-c", PARENT, str(project_root), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        worker = pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    ended, _, _ = select.select([worker], [], [], SECONDS)
    close(worker)
    assert ended


def test_a_worker_that_ends_without_an_answer_is_told(worker):
    worker.send(["parse"])
    worker._process.kill()
    with pytest.raises(PlumblineError, match="dbt ended without an answer"):
        worker.answer()


def test_what_dbt_cannot_read_is_raised_as_dbt_says_it(tmp_path):
    (tmp_path / "dbt_project.yml").write_text("name: [\n", encoding="utf-8")
    runner = DbtWorker(Project(tmp_path), Home(tmp_path / "home"))
    try:
        with pytest.raises(DefinitionsError) as caught:
            runner.invoke(["parse"])
    finally:
        runner.close()
    assert "dbt_project.yml" in str(caught.value)


def test_closing_ends_a_worker_at_work(worker):
    worker.send(["parse"])
    started = time.monotonic()
    worker.close()
    assert worker._process.returncode is not None
    assert time.monotonic() - started < SECONDS


@pytest.fixture
def prepared(project_root, tmp_path):
    project, home = Project(project_root), Home(tmp_path)
    if not is_prepared(project, home):
        prepare(project, home)
    started = DbtWorker(project, home, prepared=True)
    yield started
    started.close()


def test_a_worker_forgets_what_the_command_before_named(prepared):
    first = prepared.invoke(["build", "--select", "thresholds", "--no-write-json"])
    second = prepared.invoke(["build", "--select", "targets", "--no-write-json"])
    names = [{result.unique_id.rpartition(".")[2] for result in results} for results in (first, second)]
    assert "thresholds" in names[0] - names[1]
    assert "targets" in names[1] - names[0]


def test_a_worker_tells_of_each_model_and_why_one_failed(prepared):
    told = []
    with pytest.raises(ModelError, match="territories"):
        prepared.invoke(["build", "--select", "territories", "--no-write-json"], told.append)
    assert told == ["territories"]
