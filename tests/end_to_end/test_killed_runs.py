"""`plumb run` killed at any moment, and two at once: what is published is the old or the new, never less.

PLUMBLINE_KILLS tells how often (default 3; `make kills` kills 200), PLUMBLINE_SEED at which moments.
"""

import os
import random

import pytest

from tests.end_to_end.killing import beginnings, heal, kill_again_and_again
from tests.end_to_end.young import PATIENCE, State, kinds

KILLS = int(os.environ.get("PLUMBLINE_KILLS", "3"))
SEED = os.environ.get("PLUMBLINE_SEED", "1")

pytestmark = pytest.mark.apart


# What else begins a story, and longer stories.
OTHERS = [pytest.param(name, 10, marks=pytest.mark.long) for name in ("first run", "next day", "full run")]


def heal_by_two_at_once(young, beginning, base):
    """Let two runs begin at once, of which one is refused: they are one run and one word."""
    published, is_old = kinds(base).count("publication"), State.of(base) == beginning.before.state
    both = [young.start(base, beginning.day, *beginning.arguments) for _ in range(2)]
    told = {process: process.communicate(timeout=PATIENCE)[0] for process in both}
    winner, loser = sorted(both, key=lambda process: process.returncode)
    # A run that finds all published may have ended before the other asks.
    assert (winner.returncode, loser.returncode) in [(0, 5), *([] if is_old else [(0, 0)])], told
    assert loser.returncode == 0 or f"Process {winner.pid}" in told[loser]
    assert kinds(base).count("publication") <= published + 1


@pytest.mark.parametrize(("beginning", "kills"), [("next day", KILLS // 3), *OTHERS])
def test_killed_runs_leave_the_old_or_the_new_and_the_next_run_heals(
    beginning, kills, young, second_day, tmp_path
):
    chance, known = random.Random(f"{SEED}-{beginning}"), beginnings(young, second_day)[beginning]
    is_alone = known.before is None
    kill_again_and_again(young, known, chance, kills, tmp_path, heal if is_alone else heal_by_two_at_once)
