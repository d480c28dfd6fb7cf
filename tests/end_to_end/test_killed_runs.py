"""`plumb run` killed at any moment, and two at once: what is published is the old or the new, never less.

The company has published one day; the run of the next is killed. PLUMBLINE_KILLS tells how often (default 6),
PLUMBLINE_SEED at which moments.
"""

import json
import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.end_to_end.young import (
    PATIENCE,
    State,
    assert_proved,
    assert_recorded_once,
    home_of,
    kinds,
    landed,
    ledger_of,
)

KILLS = int(os.environ.get("PLUMBLINE_KILLS", "6"))
SEED = os.environ.get("PLUMBLINE_SEED", "1")
MOMENTS = ("of the run", "of the ledger", "of publication")

pytestmark = pytest.mark.xdist_group("young")


@dataclass(frozen=True)
class Undisturbed:
    """What a run that nobody disturbs makes of the company, and how long that takes."""

    old: State
    new: State
    landed: Counter
    seconds: float
    publishing: float


@pytest.fixture(scope="module")
def undisturbed(young, tmp_path_factory):
    base = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(young.base, base, symlinks=True)
    young.run(base)
    newest = max(home_of(base).runs.glob("2*.json"))
    record = json.loads(newest.read_text(encoding="utf-8"))
    stages = {stage["name"]: stage["seconds"] for stage in record["stages"]}
    old, new = State.of(young.base), State.of(base)
    assert old != new
    return Undisturbed(old, new, landed(base), record["seconds"], stages["publication"])


def wait(process, seconds):
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


def wait_for(moment, process, chance, base, undisturbed):
    """Wait for a moment of the run; it may have ended before."""
    if moment == "of the run":
        wait(process, chance.uniform(0, undisturbed.seconds))
    elif moment == "of the ledger":
        wait_for_records(process, chance.randint(1, 6), ledger_of(base).file)
        wait(process, chance.uniform(0, 0.01))
    else:
        while process.poll() is None and not [*home_of(base).published.glob(".tmp-*")]:
            wait(process, 0.001)
        wait(process, chance.uniform(0, 1.2 * undisturbed.publishing))


def wait_for_records(process, times, file):
    """Wait until the ledger has grown so many times."""
    size, grown = file.stat().st_size, 0
    while grown < times and process.poll() is None:
        wait(process, 0.001)
        grown += file.stat().st_size != size
        size = file.stat().st_size


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_leaves_the_old_or_the_new_and_the_next_run_heals(number, young, undisturbed, tmp_path):
    base, chance = tmp_path / "home", random.Random(f"{SEED}-{number}")
    shutil.copytree(young.base, base, symlinks=True)
    process = young.start(base)
    wait_for(MOMENTS[number % len(MOMENTS)], process, chance, base, undisturbed)
    process.kill()
    process.communicate()
    assert process.returncode in (0, -signal.SIGKILL)
    assert State.of(base) in (undisturbed.old, undisturbed.new)
    assert_proved(base)
    young.run(base)
    assert State.of(base) == undisturbed.new
    assert landed(base) == undisturbed.landed
    assert_recorded_once(base)
    assert_proved(base)
    shutil.rmtree(base)


def test_two_runs_at_once_are_one_run_and_one_word(young, undisturbed, tmp_path):
    base = tmp_path / "home"
    shutil.copytree(young.base, base, symlinks=True)
    both = [young.start(base) for _ in range(2)]
    told = [process.communicate(timeout=PATIENCE)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 5], told
    assert State.of(base) == undisturbed.new
    assert landed(base) == undisturbed.landed
    assert_recorded_once(base)
    assert kinds(base).count("publication") == 2
    assert_proved(base)
