"""What one run did: stages and seconds, rows, verdicts; kept as JSON for people and programs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from plumbline.runs.lock import holder_of
from plumbline.runs.progress import Progress, current_progress
from plumbline.runs.state import write_json


def new_run_id() -> str:
    """Name a run so that names sort by time: 20260131T060000-1a2b."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:4]}"


@dataclass
class RunRecord:
    """Facts of one run, filled while it goes on.

    `status`: running | landed | published | published_with_holds | nothing_new | held | failed | stopped; a
    killed run stays running, and `read_runs` tells that it died. `holds`: one entry per failed check that
    keeps figures back (what failed, `metrics`, `since`, `last_good`); `released`: figures that are held no
    longer; `idle_failures`: critical failures that touch no figure.
    `pid`: its process. `stages`: name and seconds, in order;
    some are at work at the same time, so `seconds` is not their sum.
    `landing`: one entry per source table (system, table, status, rows, load, reason …). `refusals`: the
    extracts that were refused, now or before, and that nothing has replaced. `findings`: warnings of lint.
    `warnings`: what the run could not do and the next one makes good.
    `restatements`: how many past figures were `recorded` and `approved` as restated, and what is `awaiting`.
    `rebuilt`: where the damaged warehouse is that this run built anew.
    `postgres`: what went into PostgreSQL (publication, rows, seconds), or the `error` for which nothing did.
    `operator`: who started it, as `plumbline.governance.people` tells.
    """

    run_id: str
    company: str
    as_of: str
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    status: str = "running"
    pid: int = field(default_factory=os.getpid)
    full: bool = False
    seconds: float = 0.0
    stages: list[dict[str, Any]] = field(default_factory=list)
    landing: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    models: dict[str, Any] = field(default_factory=dict)
    reconciliation: list[dict[str, Any]] = field(default_factory=list)
    quality: dict[str, Any] = field(default_factory=dict)
    failed_expectations: list[dict[str, Any]] = field(default_factory=list)
    holds: list[dict[str, Any]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    idle_failures: list[str] = field(default_factory=list)
    publication: dict[str, Any] = field(default_factory=dict)
    restatements: dict[str, Any] = field(default_factory=dict)
    postgres: dict[str, Any] = field(default_factory=dict)
    report: str = ""
    rebuilt: str = ""
    operator: str = ""
    error: str = ""

    @classmethod
    def open(cls, directory: Path, run_id: str, company: str, as_of: str, *, full: bool) -> RunRecord:
        """Continue the record of a run whose first job has been done, or begin a new one."""
        try:
            content = json.loads((directory / f"{run_id}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(run_id, company, as_of, full=full)
        return cls(**{**content, "as_of": as_of, "status": "running"})

    @contextmanager
    def stage(self, name: str, taken: Callable[[], float] | None = None) -> Iterator[Progress]:
        """Time a stage and show it; the stage is recorded even when it fails.

        `taken` tells its seconds where it began before, beside other stages.
        """
        progress = current_progress()
        progress.begin(name)
        start = time.perf_counter()
        try:
            yield progress
        except BaseException as error:
            self.status = "failed" if self.status == "running" else self.status
            self.error = self.error or str(error)
            raise
        finally:
            seconds = taken() if taken else round(time.perf_counter() - start, 3)
            self.stages.append({"name": name, "seconds": seconds})
            progress.end(name, seconds)

    def save(self, directory: Path) -> Path:
        """Write the record to `directory`/<run_id>.json and return the path."""
        path = directory / f"{self.run_id}.json"
        write_json(path, asdict(self))
        return path


def end_running(directory: Path, status: str, error: str = "") -> None:
    """Note in the record of the run of this process, if one is still running, how it ended."""
    for path in directory.glob("2*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["status"] == "running" and content.get("pid") == os.getpid():
            write_json(path, {**content, "status": status, "error": content["error"] or error})


def read_runs(directory: Path, lock: Path, newest: int) -> list[dict[str, Any]]:
    """Read the records of the last runs, newest first; one that runs no more, and did not end, `died`."""
    files = sorted(directory.glob("2*.json"), reverse=True)[:newest]
    records = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    alive = holder_of(lock) if any(record["status"] == "running" for record in records) else None
    return [
        {**record, "status": "died"}
        if record["status"] == "running" and record.get("pid") != alive
        else record
        for record in records
    ]
