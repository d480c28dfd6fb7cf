"""Governance: the rules that every definition keeps, and the findings where one does not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from plumbline.definitions import Definitions
from plumbline.governance.additivity import Growth, growth
from plumbline.governance.contracts import incomplete_models
from plumbline.governance.determinism import unstable_models
from plumbline.governance.findings import Finding
from plumbline.governance.keys import unknown_keys
from plumbline.governance.rules import RULES, Context, Rule
from plumbline.governance.target_rules import lint_seeds
from plumbline.governance.written import written_mistakes

__all__ = [
    "RULES",
    "Context",
    "Finding",
    "Growth",
    "Rule",
    "growth",
    "lint",
    "lint_seeds",
    "written_mistakes",
]


def lint(
    definitions: Definitions,
    dbt_manifest: Path | Mapping[str, Any] | None = None,
    *,
    today: date | None = None,
    rules: Iterable[Rule] = RULES,
) -> list[Finding]:
    """Check all definitions and give every finding, by file and line.

    With dbt's manifest (parsed, or its path) the sources are checked too: declared, and feeding the metric.
    """
    manifest = _parsed(dbt_manifest)
    context = Context(
        definitions=definitions,
        today=today or date.today(),
        sources=_declared(manifest) if manifest else None,
        upstream=_upstream(definitions, manifest) if manifest else None,
        unknown_keys=tuple(unknown_keys(Path(definitions.root), definitions.files)),
        unstable=tuple(unstable_models(manifest)) if manifest else (),
        incomplete=tuple(incomplete_models(Path(definitions.root), manifest)) if manifest else (),
        types=_types(manifest) if manifest else {},
    )
    found = (finding for rule in rules for finding in rule(context))
    return sorted(found, key=lambda item: (item.location.file, item.location.line, item.code, item.what))


def _parsed(dbt_manifest: Path | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if isinstance(dbt_manifest, Path):
        parsed: Mapping[str, Any] = json.loads(dbt_manifest.read_text(encoding="utf-8"))
        return parsed
    return dbt_manifest


def _declared(manifest: Mapping[str, Any]) -> set[str]:
    """Name the declared tables and their columns: `erp.product`, `erp.product.Color`."""
    found = set()
    for node in manifest["sources"].values():
        columns = (column["name"] for column in node.get("columns", {}).values())
        found |= {_source(node), *(f"{_source(node)}.{name}" for name in columns)}
    return found


def _types(manifest: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Give the types of the columns that models declare, by relation."""
    return {
        node["relation_name"]: {
            name: str(column.get("data_type") or "") for name, column in node.get("columns", {}).items()
        }
        for node in manifest["nodes"].values()
        if node.get("relation_name")
    }


def _source(node: Mapping[str, Any]) -> str:
    return f"{node['source_name']}.{node['name']}"


def _upstream(definitions: Definitions, manifest: Mapping[str, Any]) -> dict[str, set[str]]:
    """Walk dbt's lineage from the mart of each semantic model to its sources."""
    nodes = {
        node["relation_name"]: name for name, node in manifest["nodes"].items() if node.get("relation_name")
    }
    return {
        model.name: _ancestors(manifest, nodes.get(model.relation, ""))
        for model in definitions.models.values()
    }


def _ancestors(manifest: Mapping[str, Any], start: str) -> set[str]:
    found: set[str] = set()
    pending, seen = [start], {start}
    while pending:
        name = pending.pop()
        if name.startswith("source."):
            found.add(_source(manifest["sources"][name]))
        for parent in manifest["parent_map"].get(name, ()):
            if parent not in seen:
                seen.add(parent)
                pending.append(parent)
    return found
