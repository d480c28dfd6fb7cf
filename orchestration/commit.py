"""The commit of the project's code."""

from __future__ import annotations

import subprocess
from pathlib import Path


def code_commit(root: Path) -> str:
    """Name the commit of the project's code, with `+` when files differ from it; empty outside git."""
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "")
