"""Disks of a few megabytes, to be filled."""

import errno
import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def small_disk(place, megabytes):
    """Mount a disk of its own at a directory, which keeps what it holds; skips where that is not allowed."""
    kept = place.with_name(place.name + "-before")
    place.rename(kept)
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        shutil.copytree(kept, place, symlinks=True, dirs_exist_ok=True)
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk, *, kilobytes_left=0):
    """Leave so much room on a disk; gives the file that takes it."""
    filler = disk / "filler"
    with open(filler, "wb") as file:
        while not _takes(file, kilobytes_left):
            pass
    return filler


def _takes(file, kilobytes_left):
    """Take what is free, unless a process that is at work there has meanwhile taken some of it."""
    free = os.fstatvfs(file.fileno())
    try:
        os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_bsize - 1024 * kilobytes_left, 1))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return free.f_bavail == 0
    return True
