"""`plumb run` killed at any moment, and two at once: what is published is the old or the new, never less.

PLUMBLINE_KILLS tells how often (default 3; `make kills` kills 200), PLUMBLINE_SEED at which moments.
"""

import os
import random
import shutil

import pytest

from tests.end_to_end.killing import beginnings, kill_again_and_again
from tests.end_to_end.young import PATIENCE, State, assert_proved, assert_recorded_once, kinds, landed

KILLS = int(os.environ.get("PLUMBLINE_KILLS", "3"))
SEED = os.environ.get("PLUMBLINE_SEED", "1")

pytestmark = pytest.mark.apart


OTHERS = [pytest.param(name, marks=pytest.mark.long) for name in ("first run", "full run")]


@pytest.mark.parametrize("kills", [KILLS // 3, pytest.param(10, marks=pytest.mark.long)])
@pytest.mark.parametrize("beginning", ["next day", *OTHERS])
def test_killed_runs_leave_the_old_or_the_new_and_the_next_run_heals(
    beginning, kills, young, second_day, tmp_path
):
    chance = random.Random(f"{SEED}-{beginning}")
    kill_again_and_again(young, beginnings(young, second_day)[beginning], chance, kills, tmp_path)


def test_two_runs_at_once_are_one_run_and_one_word(young, second_day, tmp_path):
    base = tmp_path / "home"
    shutil.copytree(young.base, base, symlinks=True)
    both = [young.start(base) for _ in range(2)]
    told = {}
    for process in both:
        words, _ = process.communicate(timeout=PATIENCE)
        told[process.returncode] = words
    assert sorted(told) == [0, 5], told
    [winner] = [process for process in both if process.returncode == 0]
    assert f"Process {winner.pid}" in told[5]
    assert State.of(base) == second_day.state
    assert landed(base) == second_day.landed
    assert_recorded_once(base)
    assert kinds(base).count("publication") == 2
    assert_proved(base)
