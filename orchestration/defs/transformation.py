"""The dbt project as assets: every seed and model, built in one in-process dbt run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.defs.ingestion import landing_key
from orchestration.defs.resources import Session, metadata

_BUILT = {"model", "seed"}


def model_key(node: Mapping[str, Any]) -> dg.AssetKey:
    return dg.AssetKey([node["schema"], node["alias"]])


def model_specs(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Turn dbt's nodes into asset specs: keys are schema and table, lineage as dbt sees it."""
    return [_model_spec(manifest, node) for node in _built_nodes(manifest)]


def mart_keys(manifest: Mapping[str, Any]) -> list[dg.AssetKey]:
    return [model_key(node) for node in _built_nodes(manifest) if node["schema"] == "marts"]


def _built_nodes(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] in _BUILT and node["config"].get("materialized") != "ephemeral"
    ]


def _model_spec(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> dg.AssetSpec:
    owner = (node["config"].get("meta") or {}).get("owner")
    return dg.AssetSpec(
        model_key(node),
        deps=sorted(_upstream(manifest, node), key=lambda key: key.path),
        description=node.get("description") or None,
        group_name=node["schema"],
        kinds={"dbt", "duckdb"},
        metadata=metadata(owner=owner if isinstance(owner, str) else None, file=node["original_file_path"]),
        skippable=True,
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
            return
        with session.record.stage("models") as progress:
            results = build_models(session, progress.update)
        nodes = session.prepared.manifest["nodes"]
        for result in results:
            if result.unique_id in nodes:
                yield dg.MaterializeResult(
                    model_key(nodes[result.unique_id]),
                    metadata=metadata(seconds=round(result.seconds, 3), rows=result.rows),
                )

    return models


def build_models(session: Session, progress: Any) -> list[Any]:
    """Register what has landed, and run dbt on it: fully, or only what new loads touch."""
    from orchestration.dbt_runner import run_dbt
    from plumbline.landing import register
    from plumbline.warehouse import connect

    full = session.must_rebuild
    session.state.write(session.state_file, transforming=True)
    with connect(session.home.warehouse) as connection:
        register(
            connection, session.home, session.project, session.sources, session.as_of, session.record.run_id
        )
    progress("rebuilding every model" if full else "building what has changed")
    results = run_dbt(session.project, session.home, ["run", *(["--full-refresh"] if full else [])])
    session.state.write(
        session.state_file,
        transforming=False,
        as_of=session.as_of.isoformat(),
        models_digest=session.inputs.models,
    )
    session.record.full = full
    session.record.models = {"built": len(results)}
    return list(results)
