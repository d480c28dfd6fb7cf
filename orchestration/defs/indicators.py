"""Indicator candidates: one table per saved query, and the long table of all indicators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg

from orchestration.defs.holding import foresee
from orchestration.defs.resources import Session, row_count, teams
from orchestration.defs.transformation import CANDIDATES, mart_keys

LONG_TABLES = {
    "indicator": "The library: one row per metric, with its meaning, its owner and whether it is available.",
    "indicator_value": "One row per metric, period and member: every value of every indicator.",
    "target": "One row per target: metric, period and member, and what the value should be.",
}


def candidate_specs(manifest: Mapping[str, Any], owners: Mapping[dg.AssetKey, str]) -> list[dg.AssetSpec]:
    """Declare a candidate table per saved query; each rests on the marts of its metrics.

    Whoever owns most of its metrics answers for it.
    """
    marts = {key.path[-1]: key for key in mart_keys(manifest)}
    specs = [
        dg.AssetSpec(
            ["candidates", query["name"]],
            deps=[marts[name] for name in sorted(_marts_of(manifest, query)) if name in marts],
            description=query.get("description") or None,
            group_name="candidates",
            kinds={"duckdb"},
            owners=teams(_owner_of(manifest, query)),
            metadata={"file": query["original_file_path"]},
            skippable=True,
        )
        for query in manifest.get("saved_queries", {}).values()
    ]
    long_tables = [
        dg.AssetSpec(
            ["candidates", name],
            deps=sorted(marts.values()),
            description=description,
            group_name="candidates",
            kinds={"duckdb"},
            owners=teams(owners.get(dg.AssetKey(["candidates", name]))),
            skippable=True,
        )
        for name, description in LONG_TABLES.items()
    ]
    return specs + long_tables


def _owner_of(manifest: Mapping[str, Any], query: Mapping[str, Any]) -> str | None:
    """Name who owns most metrics of a saved query, as the expectations do: 'Sales: head of sales'."""
    metrics = [
        manifest["metrics"][name] for name in query["depends_on"]["nodes"] if name.startswith("metric.")
    ]
    owners = [(metric["config"].get("meta") or {}).get("owner") for metric in metrics]
    found = Counter((owner["department"], owner["role"]) for owner in owners if owner)
    if not found:
        return None
    (department, role), _ = found.most_common(1)[0]
    return f"{department}: {role[:1].lower()}{role[1:]}"


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
    # The last of those that can start: the building goes on while others are checked.
    @dg.multi_asset(specs=specs, name=CANDIDATES, op_tags={"dagster/priority": "-1"})
    def candidates(session: dg.ResourceParam[Session]) -> Iterator[Any]:
        # What the gate and the publication will want goes on beside the building.
        _ = session.shelving
        foresee(session)
        built = session.candidates.result()
        for spec in specs:
            name = spec.key.path[-1]
            facts = {**row_count(built.rows.get(name, 0)), **_recomputed(built.since, name)}
            yield dg.MaterializeResult(spec.key, metadata=facts)

    return candidates
