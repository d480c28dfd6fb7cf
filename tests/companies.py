"""Companies whose runs many tests look at, and the command that runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADVENTUREWORKS = Path(
    os.environ.get("PLUMBLINE_ADVENTUREWORKS") or ROOT.parent / "shared" / "data" / "adventureworks"
)


def plumb(*arguments: object, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command `plumb` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "plumbline", *map(str, arguments)],
        env={**os.environ, "PLUMBLINE_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def run_built_in_company(base: Path) -> None:
    """Run it for the first time; what was told is kept in `told`."""
    done = plumb("run", home=base)
    assert done.returncode == 0, done.stdout + done.stderr
    (base / "told").write_text(f"{done.stdout}\n{done.stderr}", encoding="utf-8")


def run_adventureworks(base: Path, data: Path = ADVENTUREWORKS, code: int = 0) -> None:
    """Run AdventureWorks as of the last day of its data."""
    done = plumb("run", *("--company", "adventureworks", "--data", data, "--as-of", "2014-06-30"), home=base)
    assert done.returncode == code, done.stdout + done.stderr
