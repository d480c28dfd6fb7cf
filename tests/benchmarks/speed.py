"""What a question costs before any data are read: compiling, loading definitions, a cold `plumb query`.

`python -m tests.benchmarks.speed` prints CPU times beside their targets and exits with 1 when one is missed.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.compiler import compile
from plumbline.errors import PlumblineError
from tests.conformance.shipped import manifest_json
from tests.unit.definitions import shop

# The one with the most metrics of those that MetricFlow ships.
LARGEST = "simple_manifest"
BY: tuple[list[str], ...] = (
    [],
    ["metric_time__month"],
    ["metric_time__week", "listing__country_latest"],
    ["listing__user__home_state_latest", "metric_time__day"],
)
MANY, SOME = 2000, 500
TURNS = 5


@dataclass(frozen=True)
class Measured:
    """A figure, and what it should not exceed."""

    name: str
    value: float
    target: float
    unit: str

    def __str__(self) -> str:
        return f"{self.name:<58}{self.value:>9.3f}{self.target:>9.3f} {self.unit}"


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        found = [*warm(Path(directory)), loading(Path(directory)), *cold(Path(directory))]
    print(f"{'CPU times':<58}{'measured':>9}{'at most':>9}")
    print(*found, sep="\n")
    return int(any(item.value > item.target for item in found))


def warm(directory: Path) -> Iterator[Measured]:
    """Compile each metric of the largest manifest, alone and by dimensions, once it is loaded."""
    path = directory / "semantic_manifest.json"
    path.write_text(manifest_json(LARGEST), encoding="utf-8")
    names = [item["name"] for item in json.loads(path.read_text(encoding="utf-8"))["metrics"]]
    asked = [{"metrics": [name], "group_by": by} for name in names for by in BY]
    queries = [query for query in asked if _compiles(path, query)]
    times = sorted(min(_milliseconds(path, query) for _ in range(3)) for query in queries)
    yield Measured(f"warm compile, median of {len(queries)} questions", statistics.median(times), 1, "ms")
    yield Measured("warm compile, 95 of 100 questions", times[int(len(times) * 0.95)], 4, "ms")


def _compiles(path: Path, query: Mapping[str, Any]) -> bool:
    try:
        compile(path, query, "duckdb")
    except PlumblineError:
        return False
    return True


def _milliseconds(path: Path, query: Mapping[str, Any]) -> float:
    start = time.process_time()
    compile(path, query, "duckdb")
    return (time.process_time() - start) * 1000


def loading(directory: Path) -> Measured:
    """Load many metrics in a process where nothing is loaded yet but the interpreter and the module."""
    path = shop.write(directory / "many" / "semantic_manifest.json", _of_size(MANY))
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom plumbline.definitions import load\n"
        "start = time.process_time()\nload(Path(sys.argv[1]))\nprint(time.process_time() - start)"
    )
    command = [sys.executable, "-c", code, str(path)]
    times = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(TURNS)]
    return Measured(f"loading {MANY:,} metrics", min(times), 0.3, "s")


def _of_size(metrics: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(shop.manifest()))
    simple = [item for item in content["metrics"] if item["name"] != "orders_ever"]
    for number in range(metrics - len(content["metrics"])):
        copied = simple[number % len(simple)]
        content["metrics"].append({**copied, "name": f"{copied['name']}_{number}"})
    return content


def cold(directory: Path) -> Iterator[Measured]:
    """Ask `plumb query` over published data with many definitions, questions new and known."""
    home = {
        **os.environ,
        "PLUMBLINE_HOME": str(directory / "home"),
        "PLUMBLINE_PROJECT": str(directory / "p"),
    }
    _project(directory / "p")
    subprocess.run(
        [sys.executable, "-m", "plumbline", "run", "--company", "demo", "--as-of", "2026-06-30"],
        env={**home, "PLUMBLINE_DEMO_SCALE": "0.01"},
        check=True,
        capture_output=True,
    )
    # No published table answers under a condition: each question is compiled.
    asked = [["query", "net_sales", "--by", name, "--where", _WHERE] for name in _DIMENSIONS]
    new = [_cpu(words, home) for words in asked]
    known = [_cpu(words, home) for words in asked]
    yield Measured(f"cold plumb query, {SOME} metrics, asked before", min(known), 0.35, "s")
    yield Measured(f"cold plumb query, {SOME} metrics, never asked", min(new), 0.35, "s")


_WHERE = "territory__name <> 'nowhere'"
_DIMENSIONS = ("product__category", "territory__name", "metric_time__month", "metric_time__quarter")


def _project(path: Path) -> None:
    """Copy the project, with so many more metrics that there are as many as wanted."""
    import shutil

    root = Path(__file__).parents[2]
    for name in ("dbt_project.yml", "profiles.yml", "pyproject.toml"):
        path.mkdir(exist_ok=True)
        shutil.copy(root / name, path / name)
    for name in ("models", "macros", "metrics", "seeds", "expectations", "orchestration", "plumbline"):
        (path / name).symlink_to(root / name) if name != "metrics" else shutil.copytree(
            root / name, path / name
        )
    _define_more(path / "metrics")


def _define_more(directory: Path) -> None:
    """Add metrics as a company would: each with all that the rules ask, and a filter of its own."""
    import yaml

    read = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in directory.glob("*.yml")]
    known = [item for content in read if content for item in content.get("metrics") or ()]
    (base,) = (item for item in known if item["name"] == "net_sales")
    more = [_like(base, number) for number in range(SOME - len(known))]
    text = yaml.safe_dump({"version": 2, "metrics": more}, allow_unicode=True)
    (directory / "more.yml").write_text(text, encoding="utf-8")


def _like(base: Mapping[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(base, default=str))
    told = found["config"]["meta"]
    told |= {"label_zh": f"{told['label_zh']} {number}", "synonyms": [f"more {number}"], "synonyms_zh": []}
    names = {"name": f"more_{number}", "label": f"More {number}", "description": f"More of {number}."}
    return {**found, **names, "filter": f"{{{{ Entity('product') }}}} = {number}"}


def _cpu(arguments: list[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "plumbline", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
