"""The dbt project as assets: every seed and model, built in one in-process dbt run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from orchestration.changes import models_to_build
from orchestration.dbt_runner import BUILD, Dbt, NodeResult
from orchestration.dbt_worker import DbtWorker
from orchestration.defs.ingestion import landing_key
from orchestration.defs.pushing import push_to_postgres
from orchestration.defs.resources import Session, row_count, teams
from orchestration.lint import require_sound_definitions
from orchestration.parsed import digest_parsed, keep_compiled
from plumbline.errors import ConfigurationError
from plumbline.landing import begins_after, changed_tables, note_built
from plumbline.warehouse import connect

# The step that rests on all models.
CANDIDATES = "candidates"
_BUILT = {"model", "seed"}
# The marts of what happened on a day, that day, and the source column that it comes from.
FACTS = {
    ("orders", "order_date"): ("erp", "sales_order_header", "OrderDate"),
    ("sales_quotas", "quota_date"): ("crm", "sales_person_quota_history", "QuotaDate"),
    ("store_traffic", "traffic_date"): ("crm", "store_traffic", "TrafficDate"),
    ("leads", "created_date"): ("crm", "lead", "CreatedDate"),
    ("opportunities", "created_date"): ("crm", "opportunity", "CreatedDate"),
    ("tickets", "opened_date"): ("crm", "service_ticket", "OpenedAt"),
    ("calls", "call_date"): ("crm", "call_center", "Date"),
    ("purchase_orders", "order_date"): ("erp", "purchase_order_header", "OrderDate"),
    ("work_orders", "start_date"): ("erp", "work_order", "StartDate"),
    ("work_order_steps", "actual_start_date"): ("erp", "work_order_routing", "ActualStartDate"),
    ("machine_days", "run_date"): ("erp", "machine_run_time", "RunDate"),
    ("approval_steps", "started_date"): ("oa", "approval_step", "StartedAt"),
    ("budgets", "finance_date"): ("oa", "fact_finance", "Date"),
}
_workers: list[DbtWorker] = []
_begun: list[Begun] = []


@dataclass(frozen=True)
class Begun:
    """What dbt was told to build of a session, and the worker that is at it; no command where nothing is."""

    findings: tuple[str, ...]
    full: bool
    command: tuple[str, ...]
    worker: DbtWorker | None

    def results(self, session: Session, progress: Callable[[str, float | None], None]) -> list[NodeResult]:
        """Wait until dbt has built, or have it build here where no worker does."""
        total = len(_built_nodes(session.prepared.manifest))
        finished: list[str] = []

        def show(name: str) -> None:
            finished.append(name)
            progress(name, len(finished) / total)

        if not self.command:
            return []
        if self.worker:
            return list(self.worker.answer(show))
        return list(Dbt(session.project, session.home, on_node=show).invoke(self.command))


def use_worker(worker: DbtWorker) -> None:
    """Let the models of this process be built by a dbt that has started already, if it is not at it."""
    if not _begun:
        _workers[:] = [worker]


def forget_worker() -> None:
    """Let nobody use the worker any more."""
    _workers.clear()
    _begun.clear()


def begin_early(session: Session) -> None:
    """Have the worker begin when everything has landed: to tell Dagster what has landed takes a second.

    What keeps it from beginning is met again, and told, by the step of the models.
    """
    with suppress(Exception):
        if not session.nothing_new and session.has_extracts:
            _begun[:] = [_begin(session)]


def model_key(node: Mapping[str, Any]) -> dg.AssetKey:
    return dg.AssetKey([node["schema"], node["alias"]])


def model_specs(manifest: Mapping[str, Any], owners: Mapping[dg.AssetKey, str]) -> list[dg.AssetSpec]:
    """Turn dbt's nodes into asset specs: keys are schema and table, lineage as dbt sees it.

    Where `owners` names nobody, the department that the model names answers for it.
    """
    return [_model_spec(manifest, node, owners) for node in _built_nodes(manifest)]


def mart_keys(manifest: Mapping[str, Any]) -> list[dg.AssetKey]:
    return [model_key(node) for node in _built_nodes(manifest) if node["schema"] == "marts"]


def _built_nodes(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] in _BUILT and node["config"].get("materialized") != "ephemeral"
    ]


def _model_spec(
    manifest: Mapping[str, Any], node: Mapping[str, Any], owners: Mapping[dg.AssetKey, str]
) -> dg.AssetSpec:
    department = (node["config"].get("meta") or {}).get("owner")
    return dg.AssetSpec(
        model_key(node),
        deps=sorted(_upstream(manifest, node), key=lambda key: key.path),
        description=node.get("description") or None,
        group_name=node["schema"],
        kinds={"dbt", "duckdb"},
        owners=teams(owners.get(model_key(node), department)),
        metadata={"file": node["original_file_path"], "dagster/column_schema": _columns(node)},
        skippable=True,
    )


def _columns(node: Mapping[str, Any]) -> dg.TableSchema:
    columns = node["columns"].values()
    return dg.TableSchema(
        [
            dg.TableColumn(column["name"], column["data_type"] or "", column["description"] or None)
            for column in columns
        ]
    )


def _upstream(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> set[dg.AssetKey]:
    keys = set()
    for name in node.get("depends_on", {}).get("nodes", []):
        if name.startswith("source."):
            source = manifest["sources"][name]
            if source["source_name"] != "run":
                keys.add(landing_key(source["source_name"], source["name"]))
        elif name in manifest["nodes"]:
            keys.add(model_key(manifest["nodes"][name]))
    return keys


def models_asset(specs: list[dg.AssetSpec]) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs, name="models")
    def models(session: dg.ResourceParam[Session]) -> Iterator[Any]:
        if session.nothing_new:
            session.record.status = "nothing_new"
            push_to_postgres(session)
            return
        session.require_extracts()
        with session.record.stage("models") as progress:
            results = build_models(session, progress.update)
        if any(node.name == CANDIDATES for node in dg.AssetExecutionContext.get().job_def.nodes):
            _ = session.candidates
        built = {result.unique_id: result for result in results}
        for node in _in_order(_built_nodes(session.prepared.manifest)):
            yield dg.MaterializeResult(
                model_key(node), metadata=_facts_of_result(built.get(node["unique_id"]))
            )

    return models


def _in_order(nodes: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Put nodes behind those that they depend on."""
    by_id = {node["unique_id"]: node for node in nodes}
    parents = {
        name: [parent for parent in node["depends_on"].get("nodes", ()) if parent in by_id]
        for name, node in by_id.items()
    }
    return [by_id[name] for name in TopologicalSorter(parents).static_order()]


def _facts_of_result(result: NodeResult | None) -> dict[str, Any]:
    """Tell what became of a model; Dagster skips what comes after an asset of which nothing is told."""
    if result is None:
        return {"unchanged": True}
    return {"seconds": round(result.seconds, 3), **row_count(result.rows)}


def build_models(session: Session, progress: Callable[[str, float | None], None]) -> list[NodeResult]:
    """Register what has landed, and run dbt on it: fully, or only what new loads touch."""
    from orchestration.lineage import start_lineage
    from plumbline.indicators.precompile import start_compiling
    from plumbline.quality import warm_up

    begun = _taken(session) or _begin(session)
    session.record.findings = list(begun.findings)
    warm_up()
    compiling = start_compiling(session.project, session.home)
    session.preparing_lineage = start_lineage(session.project, session.home)
    results = begun.results(session, progress)
    if compiling and compiling.wait() == 0:
        keep_compiled(session.project, session.home, digest_parsed(session.project))
    _note_built(session)
    session.state.write(
        session.state_file,
        transforming=False,
        as_of=session.as_of.isoformat(),
        models_digest=session.inputs.models,
    )
    _require_data(session)
    session.record.full = begun.full
    session.record.models = {"built": len(results)}
    return results


def _taken(session: Session) -> Begun | None:
    """Take over what began when everything had landed: dbt holds the warehouse, where all is registered."""
    if not _begun:
        return None
    session.__dict__["registered"] = True
    return _begun.pop()


def _begin(session: Session) -> Begun:
    """Register what has landed, and tell a worker what to build where there is one."""
    findings = require_sound_definitions(session.project, session.prepared, session.home)
    full = session.must_rebuild
    assert session.registered
    _require_landed_data(session)
    command = [*BUILD, "--full-refresh"] if full else _changes(session)
    session.state.write(session.state_file, transforming=True)
    # The manifest stands written since the parsing, and nobody reads what else dbt would write.
    command = [*command, "--no-write-json"] if command else []
    worker = _workers.pop() if command and _workers else None
    if worker:
        worker.send(command)
    return Begun(tuple(str(finding) for finding in findings), full, tuple(command), worker)


def _changes(session: Session) -> list[str]:
    """Give dbt's command for what has changed since the last run; nothing when nothing has."""
    with connect(session.home.warehouse) as connection:
        changed = changed_tables(connection)
        existing = set(
            connection.execute("select table_schema, table_name from information_schema.tables").fetchall()
        )
    if changed is None:
        return list(BUILD)
    models = models_to_build(
        session.prepared.manifest, changed, existing, new_day=session.state.as_of != session.as_of.isoformat()
    )
    return [*BUILD, "--select", *models] if models else []


def _note_built(session: Session) -> None:
    with connect(session.home.warehouse) as connection:
        note_built(connection)


def _require_landed_data(session: Session) -> None:
    """Refuse, before anything is built, a day before all that has landed; what is not certain goes on.

    Of a later day than that of the run before nothing is asked: there were data then.
    """
    if "" < session.state.as_of <= session.as_of.isoformat():
        return
    with connect(session.home.warehouse) as connection:
        first = begins_after(connection, FACTS.values(), session.as_of)
    if first is not None:
        raise _before_data(session, f"The first day in what has landed is about {first}.")


def _require_data(session: Session) -> None:
    """Refuse to go on when every fact lies after the as-of date."""
    until = f"date '{session.as_of.isoformat()}'"
    facts = " union all ".join(
        f"(select 1 from marts.{name} where {day} <= {until} limit 1)" for name, day in FACTS
    )
    with connect(session.home.warehouse) as connection:
        there, first = connection.execute(
            f"select (select count(*) from ({facts})),"
            " (select min(order_date) from staging.stg_erp__sales_order_header)"
        ).fetchall()[0]
    if not there and first is not None and first > session.as_of:
        raise _before_data(session, f"The first order is of {first}.")


def _before_data(session: Session, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"there is no data on or before {session.as_of}",
        where="--as-of",
        why=why,
        todo="Choose a later date. What is published stays as it is.",
        code="before-data",
    )
