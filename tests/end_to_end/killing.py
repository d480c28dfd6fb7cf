"""Runs that are killed at random moments, several in a row, until one is left alone and makes all good.

`python -m tests.end_to_end.killing 200` kills that many and tells what was found; a second argument is the
seed, a third a directory in which the company has grown already, or will. A story begins with a company that
has not run yet, with its second day, or with a full run of that day.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from subprocess import TimeoutExpired

from plumbline.errors import PlumblineError
from tests.end_to_end.young import (
    DAYS,
    PATIENCE,
    Day,
    State,
    Young,
    assert_proved,
    assert_recorded_once,
    assert_tidy,
    home_of,
    landed,
    ledger_of,
)

# Kills in a row.
LENGTHS = (2, 3)
OLD, NEW, MISSED = "the old is published", "the new is published", "the run had ended before"


@dataclass(frozen=True)
class Beginning:
    """Where a story begins, which may be ahead of any run, and what an undisturbed run makes of it."""

    before: Day | None
    after: Day
    day: date
    arguments: tuple[str, ...] = ()


def beginnings(young, second_day):
    first_day = Day(young.base)
    return {
        "first run": Beginning(None, first_day, DAYS[0]),
        "next day": Beginning(first_day, second_day, DAYS[1]),
        "full run": Beginning(first_day, second_day, DAYS[1], ("--full",)),
    }


def heal(young, beginning, base):
    """Leave one run alone."""
    young.run(base, beginning.day, *beginning.arguments)


def kill_again_and_again(young, beginning, chance, times, place, heal=heal):
    """Kill so many runs, in stories that heal; gives the number of each finding."""
    found = Counter()
    while times > found.total() - found[MISSED]:
        left = times - (found.total() - found[MISSED])
        kills = min(left, chance.randint(*LENGTHS))
        found += story(young, beginning, chance, kills, place, heal)
    return found


def story(young, beginning, chance, kills, place, heal=heal):
    """Kill runs until one has published or ended, at most so many; then what is left is healed."""
    base, found = place / "home", Counter()
    if beginning.before:
        shutil.copytree(beginning.before.base, base, symlinks=True)
    for _ in range(kills):
        finding = kill_one(young, beginning, chance, base)
        found[finding] += 1
        if finding != OLD:
            break
    heal(young, beginning, base)
    assert State.of(base) == beginning.after.state
    assert landed(base) == beginning.after.landed
    assert_recorded_once(base)
    assert_tidy(base)
    assert_proved(base)
    shutil.rmtree(base)
    return found


def kill_one(young, beginning, chance, base):
    """Kill a run at a moment, alone or with all its children; what it leaves is whole, and proved."""
    process = young.start(base, beginning.day, *beginning.arguments)
    chance.choice(MOMENTS)(process, chance, beginning, base)
    with suppress(ProcessLookupError):
        chance.choice((os.kill, os.killpg))(process.pid, signal.SIGKILL)
    told, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, -signal.SIGKILL), told
    finding = what_is_published(beginning, base)
    assert landed(base) <= beginning.after.landed
    if ledger_of(base).file.exists() or home_of(base).current.exists():
        assert_proved(base)
    return finding if process.returncode else MISSED


def what_is_published(beginning, base):
    """Tell whether it is the old or the new; nothing else may be."""
    if beginning.before is None and not home_of(base).current.exists():
        return OLD
    state = State.of(base)
    if state == beginning.after.state:
        return NEW
    assert beginning.before
    assert state == beginning.before.state
    return OLD


def at_any_moment(process, chance, beginning, base):
    wait(process, chance.uniform(0, beginning.after.seconds["run"]))


def at_a_record(process, chance, beginning, base):
    """Wait until the ledger has grown a few times."""
    file, times = ledger_of(base).file, chance.randint(1, 5)
    size, grown = size_of(file), 0
    while grown < times and process.poll() is None:
        wait(process, 0.001)
        grown += size_of(file) != size
        size = size_of(file)
    wait(process, chance.uniform(0, 0.01))


def during_publication(process, chance, beginning, base):
    while process.poll() is None and not [*home_of(base).published.glob(".tmp-*")]:
        wait(process, 0.001)
    wait(process, chance.uniform(0, beginning.after.seconds["publication"]))


MOMENTS = (at_any_moment, at_any_moment, at_a_record, during_publication)


def wait(process, seconds):
    with suppress(TimeoutExpired):
        process.wait(timeout=seconds)


def size_of(file):
    return file.stat().st_size if file.exists() else 0


def main(times, seed, place=None):
    """Kill so many runs, and print what was found; 1 where something was lost, doubled or half."""
    place = Path(place or tempfile.mkdtemp(prefix="plumbline-kills-"))
    young, second = Young.at(place), place / "second"
    if not (place / "grown").exists():
        Young.grow(place)
        grow_on(young, second)
        (place / "grown").touch()
    known, chance = beginnings(young, Day(second)), random.Random(seed)
    found, failed = {name: Counter() for name in known}, 0
    while sum(each.total() - each[MISSED] for each in found.values()) < times:
        name = chance.choice(("first run", "next day", "next day", "full run"))
        story_place = Path(tempfile.mkdtemp(prefix="story-", dir=place))
        try:
            found[name] += story(young, known[name], chance, chance.randint(*LENGTHS), story_place)
        except (AssertionError, PlumblineError, TimeoutExpired):
            failed += 1
            traceback.print_exc()
            print(f"{name}: see {story_place}", flush=True)
        print(*(f"{name}: {dict(each)}" for name, each in found.items()), sep="; ", flush=True)
    return 1 if failed else 0


def grow_on(young, base):
    """Let a copy of the company live its second day undisturbed."""
    shutil.copytree(young.base, base, symlinks=True)
    young.run(base)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *(sys.argv[2:4] or ["1"])))
