"""`plumb run` on a disk without room: what is published stays, and the next run makes good."""

import os
import shutil
import subprocess

import pytest

from tests.end_to_end.conftest import plumb
from tests.end_to_end.test_run import generation, published

MEGABYTES = 400


@pytest.fixture
def small_disk(demo_home, tmp_path):
    """The state of a company on a disk of its own; gives PLUMBLINE_HOME."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    shutil.copytree(demo_home.root, disk / "demo", symlinks=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk, *, kilobytes_left):
    free = os.statvfs(disk)
    with open(disk / "filler", "wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, free.f_bavail * free.f_bsize - 1024 * kilobytes_left)


@pytest.mark.parametrize(("kilobytes_left", "met_by"), [(0, "demo"), (22_000, "warehouse.duckdb")])
def test_a_full_disk_costs_nothing_but_the_run(small_disk, kilobytes_left, met_by):
    before = generation(small_disk), published(small_disk)
    fill(small_disk, kilobytes_left=kilobytes_left)
    done = plumb("run", "--full", home=small_disk)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{met_by}: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert (generation(small_disk), published(small_disk)) == before
    (small_disk / "filler").unlink()
    done = plumb("run", "--full", home=small_disk)
    assert done.returncode == 0, done.stdout + done.stderr
    assert published(small_disk) == before[1]
