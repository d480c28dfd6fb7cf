"""What every step of a run shares: the company, its state, the lock, and what was found so far."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.defs.recording import finish, recover
from orchestration.prepare import Prepared, prepare
from plumbline.errors import ConfigurationError, PlumblineError, SourceError
from plumbline.governance.people import operator
from plumbline.governance.trust import Trust, load_trust
from plumbline.landing import Landings, Sources, load_sources, resolve_as_of, visible_loads
from plumbline.ledger import Witnessing, witnessed_ledger
from plumbline.project import Home, Project
from plumbline.quality import StageResult
from plumbline.runs import Fingerprint, RunLock, RunRecord, RunState, fingerprint, new_run_id

if TYPE_CHECKING:
    from subprocess import Popen

    from duckdb import DuckDBPyConnection

    from orchestration.defs.beside import Beside
    from orchestration.defs.building import Building
    from plumbline.gate import Approval, Dating, Restated, Waiver
    from plumbline.landing import ReleasedRow
    from plumbline.lineage import Lineage, Relation
    from plumbline.warehouse.contents import Contents

_NAMED = 6


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
    landings: Landings | None = None
    has_landed: bool = False
    preparing_lineage: Popen[bytes] | None = None
    restated: Restated | None = None
    _looking: Lock = field(default_factory=Lock)

    @cached_property
    def prepared(self) -> Prepared:
        return prepare(self.project, self.home)

    @cached_property
    def inputs(self) -> Fingerprint:
        """Digest what this run builds on; first asked for when everything has landed."""
        loads = [f"{load.system}.{load.table}/{load.load}/{load.sha256}" for load in visible_loads(self.home)]
        releases = [f"released/{row.release}" for row in self.released]
        return fingerprint(
            self.project.root,
            loads=[*loads, *releases],
            as_of=self.as_of.isoformat(),
            decisions=self._decisions(),
        )

    def _decisions(self) -> list[str]:
        """Name what people have decided that counts today: a new waiver, or one that is over, is news."""
        waivers = [f"waiver {waiver.id}" for waiver in self.waivers if waiver.state(self.today) == "valid"]
        return waivers + [f"approval {approval.seq}" for approval in self.approvals]

    @cached_property
    def today(self) -> date:
        return datetime.now(UTC).date()

    @cached_property
    def trust(self) -> Trust:
        """What the company has settled about trust."""
        return load_trust(self.project, self.record.company)

    @cached_property
    def waivers(self) -> list[Waiver]:
        """All waivers as the ledger has them, also those that are over."""
        if self.ledger.ledger.newest("waiver") is None:
            return []
        from plumbline.gate import read_waivers

        return read_waivers(self.ledger.ledger, self.trust)

    @cached_property
    def released(self) -> list[ReleasedRow]:
        """The rows in quarantine that somebody who may has released."""
        from plumbline.quarantine import released_rows

        return released_rows(self.ledger.ledger, self.trust)

    @cached_property
    def ledger(self) -> Witnessing:
        """The company's ledger and its witnesses."""
        return witnessed_ledger(self.home, self.trust)

    @cached_property
    def approvals(self) -> list[Approval]:
        """All approvals of restatements that stand up."""
        if self.ledger.ledger.newest("approval") is None:
            return []
        from plumbline.gate import read_approvals

        return read_approvals(self.ledger.ledger, self.trust)

    @property
    def holds_back(self) -> bool:
        """Whether figures are held: by a failed check, or for want of an approval."""
        return bool(self.record.holds or (self.restated and self.restated.awaiting))

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

    @property
    def has_extracts(self) -> bool:
        """Whether anything has landed, in this run or before."""
        return bool(visible_loads(self.home))

    def require_extracts(self) -> None:
        """Raise ConfigurationError or SourceError when no extract has ever landed: there is nothing to do."""
        if not self.has_extracts:
            raise nothing_landed(self.sources, self.record.landing)

    @cached_property
    def registered(self) -> bool:
        """Make what has landed visible in the warehouse, once per run, if it still is what landed."""
        from plumbline.landing import current_loads, register, verify_loads
        from plumbline.warehouse import connect

        verify_loads(self.home, current_loads(visible_loads(self.home)), thorough=self.full)
        with connect(self.home.warehouse) as connection:
            register(
                connection,
                self.home,
                self.project,
                self.sources,
                self.as_of,
                self.record.run_id,
                self.released,
            )
        return True

    @cached_property
    def marts(self) -> Contents:
        """Take the digests of the marts, once per run; first asked for when dbt has built them."""
        from plumbline.definitions import load
        from plumbline.indicators import inspect_marts
        from plumbline.warehouse import connect

        # Both the candidates and the gate ask, each in a thread of its own.
        with self._looking:
            if known := self.__dict__.get("marts"):
                return known  # type: ignore[no-any-return]
            definitions = load(self.home.semantic_manifest, self.project.root)
            with connect(self.home.warehouse) as connection:
                return inspect_marts(connection, definitions)

    @cached_property
    def candidates(self) -> Building:
        """Begin to build the candidates, once per run; first asked for when dbt has built the marts."""
        from orchestration.defs.building import Building

        return Building(self)

    @cached_property
    def shelving(self) -> Beside[None]:
        """Begin to write parts of the marts where publication will look for them, once per run."""
        from orchestration.defs.beside import Beside
        from plumbline.publication import write_parts_ahead

        marts = self.marts
        return Beside(
            "parts of marts", self.home.warehouse, lambda con: write_parts_ahead(con, self.home, marts)
        )

    @cached_property
    def warehouse(self) -> DuckDBPyConnection:
        """A connection for reading that stays open until the run ends: others then open the file at once."""
        from plumbline.warehouse import connect

        return connect(self.home.warehouse)

    @cached_property
    def dating(self) -> Dating:
        """What tells on which days figures can be wrong; it remembers what it was asked."""
        from plumbline.definitions import load
        from plumbline.gate import Dating

        definitions = load(self.home.semantic_manifest, self.project.root)
        return Dating(self.warehouse, definitions, self.lineage, lambda: relations_of(self.home))

    @cached_property
    def lineage(self) -> Lineage:
        """Give what figures rest on, of the models as they are now."""
        from orchestration.lineage import prepare_lineage
        from plumbline.lineage import read_lineage

        if self.preparing_lineage:
            self.preparing_lineage.wait()
        prepare_lineage(self.project, self.home)
        return read_lineage(self.project, self.home)

    def close(self) -> None:
        """End what still goes on beside the steps of the run."""
        if self.landings:
            self.landings.close()
        for name in ("candidates", "shelving"):
            if name in self.__dict__:
                self.__dict__[name].stop()
        if "warehouse" in self.__dict__:
            self.warehouse.close()
        if self.preparing_lineage:
            self.preparing_lineage.terminate()
            self.preparing_lineage.wait()

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


def relations_of(home: Home) -> list[Relation]:
    """Read the SQL of the models that the company was built with."""
    from plumbline.lineage import RELATIONS, read_relations

    return read_relations((home.target / RELATIONS).read_text(encoding="utf-8"))


def nothing_landed(sources: Sources, landing: list[dict[str, Any]]) -> PlumblineError:
    """Say why a company has no extract at all: a source could not be read, or nothing was there."""
    folders = {name for name, system in sources.systems.items() if system.connector == "files"}
    troubled = [entry for entry in landing if entry["status"] in ("refused", "unavailable")]
    reasons = "\n  ".join(dict.fromkeys(str(entry["reason"]) for entry in troubled))
    if any(entry["status"] == "refused" or entry["system"] not in folders for entry in troubled):
        return SourceError(
            "no extract could be read, and none had landed before",
            where=sources.company,
            why=reasons,
            todo="There is nothing to publish from yet. Mend the source, and run again.",
            code="nothing-landed",
        )
    tables = [table for system in sources.systems.values() for table in system.tables.values()]
    asked = "; ".join(", ".join(table.origin) for table in tables[:_NAMED])
    more = f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else ""
    return ConfigurationError(
        "there is no extract",
        where=str(sources.file),
        why=reasons or f"No file matched: {asked}{more}.",
        todo="Name the directory of the extracts with --data, or mend the names in this file.",
        code="no-data",
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
        record.operator = record.operator or operator(project.root)
        record.save(home.runs)
        session = Session(project, home, sources, directory, day, full, record)
        began = time.perf_counter()
        try:
            recover(session)
            yield session
            # Nothing goes on after the landing job by itself; a launcher, which names the run, goes on.
            record.status = "landed" if record.status == "running" and not run_id else record.status
        finally:
            session.close()
            finish(session)
            record.seconds = round(record.seconds + time.perf_counter() - began, 3)
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
