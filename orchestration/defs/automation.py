"""When runs happen: the daily job, its schedule, a sensor on dropped files, and what follows a failure."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from plumbline.landing import Sources
from plumbline.project import Project
from plumbline.runs.state import write_json

DAILY_RUN = dg.define_asset_job(
    "daily_run",
    selection=dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks(),
    description="Land, build, check and publish. One writer at a time; without new data it does no work.",
    tags={"plumbline/job": "daily_run"},
    run_tags={"dagster/max_runtime": "14400"},
)


def land_job(specs: Sequence[dg.AssetSpec]) -> UnresolvedAssetJobDefinition:
    """The first half of the daily run: bring in what is new."""
    keys = [spec.key for spec in specs]
    arrivals = [dg.AssetCheckKey(key, "arrived") for key in keys]
    return dg.define_asset_job(
        "land",
        selection=dg.AssetSelection.assets(*keys).without_checks() | dg.AssetSelection.checks(*arrivals),
        description="Land new extracts.",
    )


def refresh_job(
    specs: Sequence[dg.AssetSpec], checks: Sequence[dg.AssetChecksDefinition]
) -> UnresolvedAssetJobDefinition:
    """The second half: build, check and publish from what has landed."""
    keys = [key for definition in checks for key in definition.check_keys]
    return dg.define_asset_job(
        "refresh",
        selection=dg.AssetSelection.assets(*(spec.key for spec in specs)).without_checks()
        | dg.AssetSelection.checks(*keys),
        description="Build, check and publish from what has landed.",
    )


def daily_schedule(sources: Sources) -> dg.ScheduleDefinition:
    """Run every morning, when the day before is complete."""
    return dg.ScheduleDefinition(
        name="every_morning",
        job=DAILY_RUN,
        cron_schedule="0 6 * * *",
        execution_timezone="UTC",
        description=f"Bring the indicators of {sources.label} up to yesterday.",
    )


def dropped_files(sources: Sources) -> dg.SensorDefinition:
    """Start one run when files have appeared, grown or changed in the directories of the file sources.

    The run waits until two looks in a row find the same: a file may still be on its way.
    """

    @dg.sensor(
        name="dropped_files",
        job=DAILY_RUN,
        minimum_interval_seconds=60,
        description="Start a run when a file source has new or changed files that have come to rest.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        listing = listing_digest(_directories(sources))
        last = Look.read(context.cursor)
        context.update_cursor(last.next(listing).text)
        if listing == last.done:
            return dg.SkipReason("no new or changed files")
        if listing != last.seen:
            return dg.SkipReason("files have changed; the next look tells whether they are complete")
        return dg.RunRequest(run_key=f"{last.runs + 1} {listing}")

    return sensor


@dataclass(frozen=True)
class Look:
    """What the sensor remembers: the files that it saw, those it started a run for, and how many runs."""

    seen: str = ""
    done: str = ""
    runs: int = 0

    @classmethod
    def read(cls, cursor: str | None) -> Look:
        parts = (cursor or "").split(" ")
        return cls(parts[0], parts[1], int(parts[2])) if len(parts) == 3 else cls()

    @property
    def text(self) -> str:
        return f"{self.seen} {self.done} {self.runs}"

    def next(self, listing: str) -> Look:
        """Remember a listing, and the run that it starts when it was seen before."""
        starts = listing == self.seen != self.done
        return Look(listing, listing if starts else self.done, self.runs + starts)


def _directories(sources: Sources) -> list[Path]:
    home = Project.find().home(sources.company)
    data = Path(os.environ.get("PLUMBLINE_DATA") or home.data)
    return [
        Path(system.path.replace("{data}", str(data)))
        for system in sources.systems.values()
        if system.connector == "files" and system.path
    ]


def listing_digest(directories: list[Path]) -> str:
    """Digest names, sizes and modification times of all files below `directories`."""
    digest = hashlib.sha256()
    for path in sorted(path for directory in directories for path in directory.rglob("*") if path.is_file()):
        facts = path.stat()
        digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def run_failures() -> dg.SensorDefinition:
    """Leave a record of each failed run where `plumb status` finds it."""

    @dg.run_failure_sensor(
        name="run_failures",
        description="Record failed runs for `plumb status`.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.RunFailureSensorContext) -> None:
        company = os.environ.get("PLUMBLINE_COMPANY", "demo")
        directory = Project.find().home(company).runs / "failures"
        write_json(
            directory / f"{context.dagster_run.run_id}.json",
            {
                "dagster_run": context.dagster_run.run_id,
                "job": context.dagster_run.job_name,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "error": context.failure_event.message,
            },
        )

    return sensor
