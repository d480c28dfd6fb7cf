"""What people call things: labels in English and Chinese for tables and columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from plumbline.definitions import METRIC_TIME, Definitions, load, parse_group_by

_GRAINS_ZH = {"day": "日", "week": "周", "month": "月", "quarter": "季度", "year": "年"}


@dataclass(frozen=True)
class Label:
    """A name with what people read: English and Chinese label, description, unit."""

    name: str
    label: str = ""
    label_zh: str = ""
    description: str = ""
    unit: str = ""

    @property
    def comment(self) -> str:
        """Write a column comment: `Net sales (currency) · 净销售额. Sum of …`."""
        unit = f" ({self.unit})" if self.unit else ""
        title = " · ".join(text for text in (f"{self.label or self.name}{unit}", self.label_zh) if text)
        return f"{title}. {self.description}" if self.description else title


@dataclass(frozen=True)
class Dictionary:
    """Labels of metrics, dimensions and saved queries, and of marts; what columns of marts mean."""

    labels: Mapping[str, Label]
    marts: Mapping[str, Label]
    mart_columns: Mapping[str, Mapping[str, str]]


def read_dictionary(manifest: Path) -> Dictionary:
    """Read what people call things from the semantic manifest and dbt's manifest beside it.

    Only the latter has what stands under a saved query's `meta`. A missing file says nothing.
    """
    definitions = load(manifest) if manifest.is_file() else None
    labels = labels_of(definitions) if definitions else {}
    told = _read_json(manifest.with_name("manifest.json"))
    for query in told.get("saved_queries", {}).values():
        if query["name"] in labels:
            labels[query["name"]] = replace(labels[query["name"]], label_zh=_meta(query, "label_zh"))
    models = [node for node in told.get("nodes", {}).values() if node.get("resource_type") == "model"]
    marts = [node for node in models if node.get("schema") == "marts"]
    known = {node["name"]: _mart_label(node) for node in marts}
    chinese = _chinese_columns(definitions, known) if definitions else {}
    return Dictionary(
        labels,
        known,
        {
            node["name"]: {
                name: _explained(column, chinese.get((node["name"], name), ""))
                for name, column in node["columns"].items()
            }
            for node in marts
        },
    )


def _explained(column: Mapping[str, Any], label_zh: str) -> str:
    """Put the description of a mart's column and its Chinese label together."""
    return " · ".join(filter(None, [_line(column["description"]), _meta(column, "label_zh") or label_zh]))


def _chinese_columns(definitions: Definitions, marts: Mapping[str, Label]) -> dict[tuple[str, str], str]:
    """Find Chinese labels of mart columns: of those that are dimensions, and of keys by what they number."""
    models = [model for model in definitions.models.values() if model.name in marts]
    numbered = {model.primary_entity: marts[model.name].label_zh for model in models}
    found = {}
    for model in models:
        for entity in model.entities:
            if numbered.get(entity.name):
                found[model.name, entity.expr] = f"{numbered[entity.name]}编号"
        for dimension in model.dimensions:
            found[model.name, dimension.expr] = dimension.label_zh
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _meta(node: Mapping[str, Any], key: str) -> str:
    return str(node.get("config", {}).get("meta", {}).get(key) or "")


def _mart_label(node: Mapping[str, Any]) -> Label:
    return Label(node["name"], _meta(node, "label"), _meta(node, "label_zh"), _line(node["description"]))


def labels_of(definitions: Definitions) -> dict[str, Label]:
    """Label metrics, dimensions, entities and saved queries by name."""
    found = {name: Label(name, name.replace("_", " ").capitalize()) for name in definitions.entities}
    for name, dimension in definitions.dimensions.items():
        found[name] = Label(name, dimension.label, dimension.label_zh)
    for query in definitions.saved_queries.values():
        for item in query.group_by:
            label = label_column(item.column, found)
            if label:
                found[item.published] = replace(label, name=item.published)
        found[query.name] = Label(query.name, query.label, query.label_zh, _line(query.description))
    for metric in definitions.metrics.values():
        told = metric.governance
        found[metric.name] = Label(
            metric.name, metric.label, told.label_zh, _line(metric.description), told.unit
        )
    return found


def label_column(column: str, labels: Mapping[str, Label]) -> Label | None:
    """Find the label of an output column: a metric, a dimension, or a dimension at a grain."""
    if column in labels:
        return labels[column]
    part = parse_group_by(column)
    grain_zh = _GRAINS_ZH.get(part.grain, part.grain)
    if part.name == METRIC_TIME and part.grain:
        return Label(column, part.grain.capitalize(), grain_zh, "First day of the period.")
    if part.grain and part.name in labels:
        told = labels[part.name]
        return Label(column, f"{told.label or part.name}, {part.grain}", f"{told.label_zh}（{grain_zh}）")
    key, _, rest = column.partition("__")
    if found := label_column(rest, labels) if rest else None:
        # The whole way to a dimension: `customer__territory__name`.
        of = labels[key].label if key in labels else key
        return Label(column, f"{found.label or rest} ({of.lower()})", f"{found.label_zh}（{key}）")
    return None


def _line(text: str) -> str:
    return " ".join(text.split())
