"""Find models that are to keep a contract, as all marts are, and of which no YAML file says what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plumbline.definitions import Location
from plumbline.errors import did_you_mean
from plumbline.governance.findings import Finding
from plumbline.governance.written import written_models


def incomplete_models(root: Path, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Find each model with a contract that has no entry, no columns, or columns without types."""
    nodes = [node for node in manifest.get("nodes", {}).values() if node.get("resource_type") == "model"]
    wrong = [(node, lacks) for node in nodes if _keeps_contract(node) and (lacks := _lacks(node))]
    if not wrong:
        return
    written = written_models(root)
    for node, lacks in wrong:
        name, file = node["name"], node["original_file_path"]
        place = written.get(name) or Location(file, 1)
        others = {other: written[other] for other in written.keys() - {node["name"] for node in nodes}}
        todo = (
            "Write `name` and `data_type` of each of its columns there."
            if name in written
            else _misspelt(name, others)
            or f"Write {Path(file).with_suffix('.yml')}: what the model is, its columns and their types."
        )
        yield Finding(place, f"model {name!r} has {lacks}", todo, "incomplete-model")


def _keeps_contract(node: Mapping[str, Any]) -> bool:
    return bool((node.get("contract") or {}).get("enforced"))


def _lacks(node: Mapping[str, Any]) -> str:
    """Say what the entry of a model lacks; nothing where it is whole."""
    if not node.get("patch_path"):
        return "no entry in a YAML file, so nothing says what its columns are"
    columns = node.get("columns") or {}
    untyped = [name for name, column in columns.items() if not column.get("data_type")]
    if untyped:
        return f"columns without `data_type`: {', '.join(untyped)}"
    return "" if columns else "an entry without `columns`"


def _misspelt(name: str, others: Mapping[str, Location]) -> str:
    """Name the entry that is for no model, and nearly called so."""
    near = next((other for other in others if did_you_mean(name, [other])), None)
    return f"The entry {near!r} at {others[near]} is for no model: mend its name." if near else ""
