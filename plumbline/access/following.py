"""The policy as it is now: read again when its file changes, so that servers follow without a restart."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from plumbline.access.policy import Policy, load_policy, policy_file
from plumbline.errors import ConfigurationError
from plumbline.project import Project

_LOG = logging.getLogger("plumbline.access")
_Seen = tuple[int, int, int] | None


class FollowedPolicy:
    """Gives the policy of a company; one with a mistake leaves the last good one in force, and says so."""

    def __init__(self, project: Project, company: str) -> None:
        self._project = project
        self._company = company
        self._path = policy_file(project, company)
        self._lock = threading.Lock()
        self._seen = _seen(self._path)
        self._policy = load_policy(project, company)

    def __call__(self) -> Policy:
        """Give the policy."""
        seen = _seen(self._path)
        if seen != self._seen:
            with self._lock:
                self._read(seen)
        return self._policy

    def _read(self, seen: _Seen) -> None:
        try:
            self._policy = load_policy(self._project, self._company)
        except ConfigurationError as error:
            _LOG.error("the policy has a mistake, the one before it stays in force: %s", error)
        self._seen = seen


def _seen(path: Path) -> _Seen:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns)
