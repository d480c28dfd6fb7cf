"""`plumb run` on a disk without room, whatever it is at: what is published stays, the next run makes good."""

import shutil
from contextlib import ExitStack

import pytest

from plumbline.governance.trust import Trust
from plumbline.ledger import witnessed_ledger
from tests.end_to_end.small_disks import fill, small_disk
from tests.end_to_end.young import (
    State,
    assert_proved,
    assert_recorded_once,
    home_of,
    kinds,
    landed,
    ledger_of,
)

MEGABYTES = 400
# The bytes of the record of a publication, at the least.
PUBLICATION = 50_000
# A file takes room by the block.
BLOCK = 4096
# After the end of which stages the disk is full: of none, or of one of these.
STAGES = ("", "start", "landing oa", "models", "indicators", "gate")

pytestmark = pytest.mark.apart


@pytest.fixture
def base(young, tmp_path):
    shutil.copytree(young.base, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def run_until_full(young, base, stage):
    """Run, and let the disk be full from the start, or when a stage has ended; gives exit code and words."""
    if not stage:
        fill(base)
    process, told = young.start(base), []
    for line in process.stdout:
        told.append(line)
        if stage and line.strip().startswith(stage + " "):
            fill(base)
            break
    told.append(process.communicate()[0])
    return process.returncode, "".join(told)


def find_no_room(young, base, stages):
    """Let a run at each of these stages find the disk full, which costs nothing but the run."""
    before = State.of(base)
    for stage in stages:
        code, told = run_until_full(young, base, stage)
        assert code == 1, (stage, told)
        assert "[disk-full]" in told
        assert "Traceback" not in told
        assert State.of(base) == before
        assert_proved(base)
        (base / "filler").unlink()


def assert_made_good(base, second_day):
    assert State.of(base) == second_day.state
    assert landed(base) == second_day.landed
    assert_recorded_once(base)
    assert_proved(base)


@pytest.mark.long
def test_a_disk_that_is_full_at_any_stage_costs_nothing_but_the_run(young, base, second_day):
    with small_disk(base, MEGABYTES):
        find_no_room(young, base, STAGES)
        young.run(base)
        assert_made_good(base, second_day)


def run_without_room(young, base, disk, kilobytes_left, record):
    """Run with so little room for the ledger that a record finds none: nothing is written after it."""
    before, known = State.of(base), kinds(base).count(record)
    filler = fill(disk, kilobytes_left=kilobytes_left)
    told = young.run(base, code=1)
    assert "ledger.jsonl: the disk is full" in told
    assert "The ledger could not be written." in told
    assert kinds(base).count(record) == known
    assert State.of(base) == before
    assert_proved(base)
    filler.unlink()


@pytest.mark.long
def test_a_ledger_without_room_stops_the_run_before_the_switch(base, young, second_day):
    with small_disk(home_of(base).ledger, 4) as disk:
        run_without_room(young, base, disk, 0, "quality")
        run_without_room(young, base, disk, room_for_all_but_the_publication(base, second_day), "publication")
        young.run(base)
        assert_made_good(base, second_day)


def room_for_all_but_the_publication(base, second_day):
    """Give the kilobytes that the ledger of the second day takes before its publication."""
    whole = ledger_of(second_day.base).file.stat().st_size
    return (whole - ledger_of(base).file.stat().st_size - PUBLICATION // 2) // 1024


def fill_last_block(base):
    """Show the witness so many heads that another line would need room of its own."""
    kept, file = witnessed_ledger(home_of(base), Trust("demo")), base / "witness" / "demo.jsonl"
    line = len(file.read_bytes().splitlines(keepends=True)[-1])
    while -file.stat().st_size % BLOCK >= line:
        kept.ledger.append("heal", {"what": "nothing"})
        assert kept.show() == []


def show_without_room(young, base, disk, second_day):
    """Run without room for the witness: it is told, and the next run shows what is new."""
    filler, seen = fill(disk), (disk / "demo.jsonl").read_bytes()
    told = young.run(base)
    assert "No space left on device" in told
    assert_made_good(base, second_day)
    filler.unlink()
    assert "Nothing new" in young.run(base)
    shown = (disk / "demo.jsonl").read_bytes()
    assert shown.startswith(seen)
    assert ledger_of(base).head.hash.encode() in shown
    assert_proved(base)


def test_disks_without_room_for_run_ledger_and_witness_lose_nothing(young, base, second_day):
    """One after the other: nothing is published without its record, and the witness is shown all."""
    with ExitStack() as disks:
        disks.enter_context(small_disk(base, MEGABYTES))
        find_no_room(young, base, ["models"])
        ledger = disks.enter_context(small_disk(home_of(base).ledger, 4))
        run_without_room(
            young, base, ledger, room_for_all_but_the_publication(base, second_day), "publication"
        )
        fill_last_block(base)
        witness = disks.enter_context(small_disk(base / "witness", 1))
        show_without_room(young, base, witness, second_day)
