"""What people call things: labels in English and Chinese from a semantic manifest, and column comments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRAINS = {"day": "日", "week": "周", "month": "月", "quarter": "季度", "year": "年"}


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
        """Write a column comment: `Net sales (CNY) · 净销售额. Sum of …`."""
        unit = f" ({self.unit})" if self.unit else ""
        title = " · ".join(text for text in (f"{self.label or self.name}{unit}", self.label_zh) if text)
        return f"{title}. {self.description}" if self.description else title


def read_labels(manifest: Path | None) -> dict[str, Label]:
    """Read the labels of metrics, dimensions, entities and saved queries; a missing file gives none."""
    if manifest is None or not manifest.is_file():
        return {}
    content = json.loads(manifest.read_text(encoding="utf-8"))
    found = {label.name: label for label in _dimension_labels(content)}
    for kind in ("saved_queries", "metrics"):
        found |= {item["name"]: _label(item["name"], item) for item in content.get(kind) or []}
    return found


def label_column(column: str, labels: Mapping[str, Label]) -> Label | None:
    """Find the label of an output column: a metric, a dimension, or a dimension at a grain."""
    if column in labels:
        return labels[column]
    base, _, grain = column.rpartition("__")
    if grain in GRAINS and base == "metric_time":
        return Label(column, grain.capitalize(), GRAINS[grain], "First day of the period.")
    if grain in GRAINS and base in labels:
        found = labels[base]
        return Label(column, f"{found.label or base}, {grain}", f"{found.label_zh}（{GRAINS[grain]}）")
    return None


def _dimension_labels(content: dict[str, Any]) -> Iterator[Label]:
    for model in content.get("semantic_models") or []:
        entities = model.get("entities") or []
        for entity in entities:
            yield _label(entity["name"], entity)
        primary = model.get("primary_entity") or next(
            (entity["name"] for entity in entities if entity.get("type") == "primary"), None
        )
        for dimension in model.get("dimensions") or []:
            if primary:
                yield _label(f"{primary}__{dimension['name']}", dimension)


def _label(name: str, item: dict[str, Any]) -> Label:
    meta = ((item.get("config") or {}).get("meta")) or {}
    return Label(
        name,
        item.get("label") or "",
        str(meta.get("label_zh") or ""),
        " ".join((item.get("description") or "").split()),
        str(meta.get("unit") or ""),
    )
