"""What every step of a run shares: the company, its state, the lock, and what was found so far."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.prepare import Prepared, prepare
from plumbline.landing import Sources, load_sources, resolve_as_of, visible_loads
from plumbline.project import Home, Project
from plumbline.quality import StageResult
from plumbline.runs import Fingerprint, RunLock, RunRecord, RunState, fingerprint, new_run_id

if TYPE_CHECKING:
    from plumbline.warehouse.contents import Contents


@dataclass
class Session:
    """One run of one company; lives from the first step of the run to the last."""

    project: Project
    home: Home
    sources: Sources
    data: Path | None
    as_of: date
    full: bool
    record: RunRecord
    results: dict[str, StageResult] = field(default_factory=dict)

    @cached_property
    def prepared(self) -> Prepared:
        return prepare(self.project, self.home)

    @cached_property
    def inputs(self) -> Fingerprint:
        """Digest what this run builds on; first asked for when everything has landed."""
        loads = [f"{load.system}.{load.table}/{load.load}/{load.sha256}" for load in visible_loads(self.home)]
        return fingerprint(self.project.root, loads=loads, as_of=self.as_of.isoformat())

    @property
    def state_file(self) -> Path:
        return self.home.runs / "state.json"

    @property
    def state(self) -> RunState:
        return RunState.read(self.state_file)

    @cached_property
    def nothing_new(self) -> bool:
        """Whether the published generation already shows exactly these inputs."""
        published = self.state.published_fingerprint == self.inputs.everything
        return published and not self.full and self.home.current.exists()

    @cached_property
    def registered(self) -> bool:
        """Make what has landed visible in the warehouse, once per run."""
        from plumbline.landing import register
        from plumbline.warehouse import connect

        with connect(self.home.warehouse) as connection:
            register(connection, self.home, self.project, self.sources, self.as_of, self.record.run_id)
        return True

    @cached_property
    def marts(self) -> Contents:
        """Take the digests of the marts, once per run; first asked for when dbt has built them."""
        from plumbline.definitions import load
        from plumbline.indicators import inspect_marts
        from plumbline.warehouse import connect

        definitions = load(self.home.semantic_manifest, self.project.root)
        with connect(self.home.warehouse) as connection:
            return inspect_marts(connection, definitions)

    @cached_property
    def must_rebuild(self) -> bool:
        """Whether incremental tables cannot be trusted to continue from where they are."""
        state = self.state
        return (
            self.full
            or state.transforming
            or state.models_digest != self.inputs.models
            or self.as_of.isoformat() < state.as_of
        )


@contextmanager
def open_session(
    company: str, *, as_of: str = "", data: str = "", full: bool = False, run_id: str = ""
) -> Iterator[Session]:
    """Take the company's lock, open or continue the record of a run, and save it at the end."""
    project = Project.find()
    home = project.home(company)
    with RunLock(home.lock):
        sources = load_sources(project, company)
        day = resolve_as_of(sources, as_of or None)
        directory = Path(data or os.environ.get("PLUMBLINE_DATA") or home.data)
        record = RunRecord.open(home.runs, run_id or new_run_id(), company, day.isoformat(), full=full)
        try:
            yield Session(project, home, sources, directory, day, full, record)
        finally:
            record.save(home.runs)


class SessionResource(dg.ConfigurableResource[Session]):
    """The session of a Dagster run; `run_id` continues the record of the job before."""

    company: str
    as_of: str = ""
    data: str = ""
    full: bool = False
    run_id: str = ""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Session]:
        with open_session(
            self.company, as_of=self.as_of, data=self.data, full=self.full, run_id=self.run_id
        ) as session:
            yield session


def row_count(rows: int | None) -> dict[str, int]:
    """Say how many rows an asset has, under the name that Dagster's pages know."""
    return {} if rows is None else {"dagster/row_count": rows}


def teams(owner: str | None) -> list[str]:
    """Name an owner ('Sales: head of sales') as Dagster wants it."""
    return [f"team:{owner}"] if owner else []


def metadata(**values: Any) -> dict[str, Any]:
    """Drop what is unknown, so that Dagster shows no empty entries."""
    return {name: value for name, value in values.items() if value is not None}
