"""Which models a run has to build: those behind which a load or the as-of day is another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

_FACTS_OF_THE_RUN = "run"


def models_to_build(
    manifest: Mapping[str, Any],
    changed: Collection[tuple[str, str]],
    existing: Collection[tuple[str, str]],
    *,
    new_day: bool,
) -> list[str]:
    """Name the models behind which something has changed, or that are not there, and all seeds.

    `changed` are source tables (system, table), `existing` what the warehouse has (schema, name). A model
    that reads the as-of day is built on every new day; one that reads a seed, or the loads themselves but is
    no staging model, always.
    """
    found: dict[str, bool] = {}
    nodes = {
        name: node for name, node in manifest["nodes"].items() if node["resource_type"] in ("model", "seed")
    }

    def has_changed(name: str) -> bool:
        if name not in found:
            node = nodes[name]
            found[name] = (
                node["resource_type"] == "seed"
                or (node["schema"], node["alias"]) not in existing
                or any(
                    has_changed(parent) if parent in nodes else source_has_changed(parent, node)
                    for parent in node["depends_on"].get("nodes", ())
                )
            )
        return found[name]

    def source_has_changed(name: str, node: Mapping[str, Any]) -> bool:
        source = manifest["sources"][name]
        if source["source_name"] != _FACTS_OF_THE_RUN:
            return (source["source_name"], source["name"]) in changed
        if source["name"] == "context":
            return new_day
        return bool(node["config"]["materialized"] != "staged")

    return [node["name"] for name, node in nodes.items() if has_changed(name)]
