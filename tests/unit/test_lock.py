"""requirements.lock is whole: pip takes it as it stands, without looking for what else may be needed."""

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINNED = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==\S+", LOCK, re.MULTILINE)}


def needed(name: str, extras: frozenset[str]) -> set[tuple[str, frozenset[str]]]:
    """Name what an installed package needs here, with the extras that it asks for."""
    try:
        listed = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:  # of another platform
        return set()
    return {
        (canonicalize_name(each.name), frozenset(each.extras))
        for each in listed
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in {"", *extras})
    }


def test_the_lock_has_all_that_its_packages_need():
    found, pending = set(), {(name, frozenset()) for name in PINNED} | needed("plumbline", frozenset())
    while pending:
        package = pending.pop()
        found.add(package)
        pending |= needed(*package) - found
    assert {name for name, _ in found} <= PINNED


def test_the_lock_has_a_hash_for_each_and_no_addresses():
    for entry in re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_pip_is_not_asked_to_look_for_more():
    """Of packages that others ask for with extras, some versions of pip would refuse the hashes."""
    [line] = [
        line
        for line in (ROOT / "Makefile").read_text().splitlines()
        if "pip install" in line and "-r " in line and "uv" not in line
    ]
    assert "--no-deps --require-hashes" in line
