"""Landing: one asset per source table, one step per source system."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import dagster as dg

from orchestration.defs.recording import record_landed
from orchestration.defs.resources import Session, metadata, teams
from plumbline.landing import Landings, Sources, SystemResult, TableOutcome

_STEP = "land_"
_HAS_DATA = {"landed", "unchanged"}
_listeners: list[Callable[[], None]] = []
_followers: list[Callable[[Session], None]] = []


def when_something_lands(listener: Callable[[], None]) -> None:
    """Call `listener` as soon as a system has brought something new."""
    _listeners[:] = [listener]


def when_all_has_landed(follower: Callable[[Session], None]) -> None:
    """Call `follower` when every system of a run has landed, before Dagster is told of any of it."""
    _followers[:] = [follower]


def landing_key(system: str, table: str) -> dg.AssetKey:
    return dg.AssetKey(["landing", system, table])


Owners = Mapping[dg.AssetKey, str]


def landing_specs(sources: Sources, owners: Owners) -> list[dg.AssetSpec]:
    """Declare the source tables that the company's sources file lists."""
    return [spec for system in sources.systems for spec in _system_specs(sources, system, owners)]


def landing_assets(sources: Sources, owners: Owners) -> list[dg.AssetsDefinition]:
    return [_landing_asset(sources, system, owners) for system in sources.systems]


def absent_specs(manifest: Mapping[str, Any], landed: Sequence[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """Declare the source tables that models read and the company does not have."""
    known = {spec.key for spec in landed}
    sources = [source for source in manifest["sources"].values() if source["source_name"] != "run"]
    return [
        dg.AssetSpec(
            landing_key(source["source_name"], source["name"]),
            description=f"Not connected: the sources file does not list it. {source['description']}",
            group_name=f"landing_{source['source_name']}",
        )
        for source in sources
        if landing_key(source["source_name"], source["name"]) not in known
    ]


def _system_specs(sources: Sources, system: str, owners: Owners) -> Sequence[dg.AssetSpec]:
    declared = sources.systems[system]
    return [
        dg.AssetSpec(
            landing_key(system, name),
            description=f"Extracts of {name} from {declared.label}: append-only Parquet with a manifest.",
            group_name=f"landing_{system}",
            kinds={declared.connector, "parquet"},
            owners=teams(owners.get(landing_key(system, name))),
            metadata={"mode": table.load},
        )
        for name, table in declared.tables.items()
    ]


def _landing_asset(sources: Sources, system: str, owners: Owners) -> dg.AssetsDefinition:
    specs = _system_specs(sources, system, owners)
    arrivals = [
        dg.AssetCheckSpec(
            "arrived", asset=spec.key, description="The extract was there, readable and accepted."
        )
        for spec in specs
    ]

    @dg.multi_asset(specs=specs, check_specs=arrivals, name=f"{_STEP}{system}")
    def land(session: dg.ResourceParam[Session]) -> Iterator[Any]:
        with session.record.stage(f"landing {system}", partial(_seconds, session, system)) as progress:
            session.landings = session.landings or _begin(session, _systems_of_run() or [system])
            result = session.landings.result(system, progress.update)
        _tell_when_over(session)
        if any(outcome.status == "landed" for outcome in result.outcomes):
            record_landed(session, result)
        session.record.landing += [_entry(system, outcome) for outcome in result.outcomes]
        session.record.refusals += [asdict(refusal) for refusal in result.refusals]
        yield from _events(system, result)

    return land


def _tell_when_over(session: Session) -> None:
    """Call who follows, once: whichever step it is that waited for the last system."""
    if session.landings and session.landings.are_over and not session.has_landed:
        session.has_landed = True
        for follower in _followers:
            follower(session)


def _systems_of_run() -> list[str]:
    """Name the systems that this run lands, in the order of its steps."""
    steps = dg.AssetExecutionContext.get().run.step_keys_to_execute or []
    return [step.removeprefix(_STEP) for step in steps if step.startswith(_STEP)]


def _begin(session: Session, systems: Sequence[str]) -> Landings:
    return Landings(
        session.project,
        session.home,
        session.sources,
        systems,
        data=session.data,
        as_of=session.as_of,
        when_landed=_tell,
    )


def _seconds(session: Session, system: str) -> float:
    return session.landings.seconds(system) if session.landings else 0.0


def _tell() -> None:
    for listener in _listeners:
        listener()


def _events(system: str, result: SystemResult) -> Iterator[Any]:
    for outcome in result.outcomes:
        key = landing_key(system, outcome.table)
        facts = metadata(
            status=outcome.status, rows_landed=outcome.rows, seconds=outcome.seconds, load=outcome.load
        )
        yield dg.MaterializeResult(key, metadata=facts)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name="arrived",
            passed=outcome.status in _HAS_DATA,
            severity=dg.AssetCheckSeverity.WARN,
            description=outcome.reason or None,
        )


def _entry(system: str, outcome: TableOutcome) -> dict[str, Any]:
    return {
        "system": system,
        "table": outcome.table,
        "status": outcome.status,
        "rows": outcome.rows,
        "load": outcome.load,
        "seconds": outcome.seconds,
        "reason": outcome.reason,
    }
