"""Run the daily job of a company in this process, against the same instance that `dagster dev` shows."""

from __future__ import annotations

import logging
import os
import warnings
from datetime import date
from pathlib import Path
from typing import Any

from plumbline.project import Home, Project
from plumbline.runs import current_progress, new_run_id

INSTANCE_SETTINGS = """\
telemetry:
  enabled: false
event_log_storage:
  module: orchestration.storage
  class: PooledSqliteEventLogStorage
  config:
    base_dir: {base}/history/runs
run_monitoring:
  enabled: false
"""


def launch(
    project: Project, home: Home, company: str, *, data: Path, as_of: date | None, full: bool
) -> dict[str, Any]:
    """Run the daily job and give the run's record; errors of the steps are raised as they are."""
    progress = current_progress()
    progress.begin("definitions")
    import time

    start = time.perf_counter()
    dagster, definitions = _load()
    instance = dagster.DagsterInstance.from_config(str(instance_home(home)))
    progress.end("definitions", time.perf_counter() - start)
    run_id = new_run_id()
    settings = {
        "company": company,
        "data": str(data),
        "as_of": as_of.isoformat() if as_of else "",
        "full": full,
        "run_id": run_id,
    }
    with instance:
        close_dead_runs(instance)
        definitions.resolve_job_def("daily_run").execute_in_process(
            instance=instance,
            run_config={
                "resources": {"session": {"config": settings}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=True,
        )
    import json

    record: dict[str, Any] = json.loads((home.runs / f"{run_id}.json").read_text(encoding="utf-8"))
    record["stages"].insert(0, {"name": "definitions", "seconds": round(time.perf_counter() - start, 3)})
    return record


def _load() -> tuple[Any, Any]:
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster

        from orchestration.definitions import defs
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    return dagster, defs


def instance_home(home: Home) -> Path:
    """Make the DAGSTER_HOME of a company, with its settings, and give its path."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    text = INSTANCE_SETTINGS.format(base=home.dagster)
    if not settings.is_file() or settings.read_text(encoding="utf-8") != text:
        settings.write_text(text, encoding="utf-8")
    return home.dagster


def close_dead_runs(instance: Any) -> None:
    """Mark runs that a kill or a crash left unfinished as failed; the caller holds the company's lock."""
    from dagster import DagsterRunStatus, RunsFilter

    unfinished = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.NOT_STARTED]
    for dead in instance.get_runs(RunsFilter(statuses=unfinished)):
        instance.report_run_failed(dead, "The process of this run ended before the run did.")
