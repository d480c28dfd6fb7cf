"""Indicator candidates: one table per saved query, and the long table of all indicators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg

from orchestration.defs.resources import Session
from orchestration.defs.transformation import mart_keys

LONG_TABLES = ("indicator", "indicator_value", "target")


def candidate_specs(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Declare a candidate table per saved query; each rests on the marts of its metrics."""
    marts = {key.path[-1]: key for key in mart_keys(manifest)}
    specs = [
        dg.AssetSpec(
            ["candidates", query["name"]],
            deps=[marts[name] for name in sorted(_marts_of(manifest, query)) if name in marts],
            description=query.get("description") or None,
            group_name="candidates",
            kinds={"duckdb"},
            skippable=True,
        )
        for query in manifest.get("saved_queries", {}).values()
    ]
    long_tables = [
        dg.AssetSpec(
            ["candidates", name],
            deps=sorted(marts.values()),
            group_name="candidates",
            kinds={"duckdb"},
            skippable=True,
        )
        for name in LONG_TABLES
    ]
    return specs + long_tables


def _marts_of(manifest: Mapping[str, Any], query: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    pending = list(query["depends_on"]["nodes"])
    while pending:
        name = pending.pop()
        if name.startswith("metric."):
            pending += manifest["metrics"][name]["depends_on"]["nodes"]
        elif name.startswith("semantic_model."):
            pending += manifest["semantic_models"][name]["depends_on"]["nodes"]
        elif name in manifest["nodes"]:
            found.add(manifest["nodes"][name]["alias"])
    return found


def _recomputed(since: Mapping[str, date | None], name: str) -> dict[str, str]:
    """Say from which day on a table was computed anew."""
    if name not in since:
        return {}
    first = since[name]
    return {"computed_anew": "nothing" if first is None else "all" if first == date.min else f"from {first}"}


def candidates_asset(specs: list[dg.AssetSpec]) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs, name="candidates")
    def candidates(session: dg.ResourceParam[Session]) -> Iterator[Any]:
        from plumbline.indicators import build_candidates
        from plumbline.warehouse import connect

        with session.record.stage("indicators") as progress:
            progress.update("what has changed")
            marts = session.marts
            with connect(session.home.warehouse) as connection:
                built = build_candidates(
                    connection,
                    session.project,
                    session.home,
                    as_of=session.as_of,
                    progress=progress.update,
                    marts=marts,
                    full=session.record.full,
                )
        for spec in specs:
            name = spec.key.path[-1]
            yield dg.MaterializeResult(
                spec.key, metadata={"rows": built.rows.get(name, 0), **_recomputed(built.since, name)}
            )

    return candidates
