"""`make bench`: a whole run beside plain DuckDB doing the same reading and SQL, as ratios in one run.

Then what questions cost: tests.benchmarks.speed and tests.benchmarks.shapes.

PLUMBLINE_BENCH_SCALE sets the scale of the built-in company (default 1: about 200,000 order lines; 50: ten
million). Times are wall seconds of whole processes, and what they and their children took of the processors,
which tells more where others work, too; memory is the peak of the process or its largest child.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from plumbline.project import Home, Project
from tests.benchmarks import shapes, speed
from tests.benchmarks.lineage import print_lineage

DAY = date(2026, 6, 30)


@dataclass(frozen=True)
class Cost:
    """Seconds that a process took: on the clock, and of the processors."""

    wall: float
    cpu: float

    def to(self, other: Cost) -> str:
        """Tell how many times the other's it is."""
        return f"{self.wall / other.wall:.2f} (CPU {self.cpu / other.cpu:.2f})"

    def __str__(self) -> str:
        return f"{self.wall:.1f} s (CPU {self.cpu:.1f} s)"


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    scale = os.environ.get("PLUMBLINE_BENCH_SCALE", "1")
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory)
        home = Home(base / "demo")
        company = Project.find().root
        _generate(home.data, scale, DAY)
        cold = _timed(base, "cold", "run", "--as-of", str(DAY), "--data", home.data)
        warm = _timed(
            base, "full, definitions known", "run", "--full", "--data", home.data, "--as-of", str(DAY)
        )
        idle = _timed(base, "nothing new", "run", "--data", home.data, "--as-of", str(DAY))
        plain = plain_duckdb(home, company)
        for number, name in enumerate(("one more day", "and another one"), 1):
            _generate(home.data, scale, DAY + timedelta(days=number))
            as_of = str(DAY + timedelta(days=number))
            day = _timed(base, name, "run", "--data", home.data, "--as-of", as_of)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print()
        print(f"plain DuckDB, same reading and SQL, no checks: {plain}")
        print(f"full run / plain DuckDB:                       {warm.to(plain)}")
        print(f"another day / full run:                        {day.to(warm)}")
        print(f"nothing new / full run:                        {idle.to(warm)}")
        print(f"cold / full run with known definitions:        {cold.to(warm)}")
        print(f"peak memory of one process:                    {peak:,.0f} MB")
        print()
        small = Home(base / "small" / "demo")
        _generate(small.data, "0.02", DAY)
        _timed(base / "small", "a small company", "run", "--data", small.data, "--as-of", str(DAY))
        print_lineage(Project.find(), small)
    print()
    speed.main()
    print()
    return shapes.main(int(os.environ.get("PLUMBLINE_BENCH_ROWS", shapes.ROWS)))


def _generate(directory: Path, scale: str, as_of: date) -> None:
    command = [
        sys.executable,
        "-m",
        "plumbline",
        "demo",
        "generate",
        "--scale",
        scale,
        "--out",
        str(directory),
    ]
    subprocess.run(
        [*command, "--start", "2023-07-01", "--as-of", str(as_of)], check=True, capture_output=True
    )


def _timed(base: Path, name: str, *arguments: object) -> Cost:
    start, before = time.perf_counter(), _cpu()
    done = subprocess.run(
        [sys.executable, "-m", "plumbline", *map(str, arguments), "--format", "json"],
        env={**os.environ, "PLUMBLINE_HOME": str(base)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    cost = Cost(time.perf_counter() - start, _cpu() - before)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    stages = json.loads(done.stdout)["stages"]
    split = ", ".join(
        f"{stage['name']} {stage['seconds']:.1f}" for stage in stages if stage["seconds"] >= 0.05
    )
    print(f"{name}: {cost} ({split})", flush=True)
    return cost


def plain_duckdb(home: Home, root: Path) -> Cost:
    """Read the same sources and run the same compiled SQL with DuckDB alone."""
    start, before = time.perf_counter(), _cpu()
    subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.plain", str(home.root), str(root)], check=True, cwd=root
    )
    return Cost(time.perf_counter() - start, _cpu() - before)


if __name__ == "__main__":
    sys.exit(main())
