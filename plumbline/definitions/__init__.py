"""The governed definitions: what metrics/ says, loaded from dbt's semantic manifest without dbt."""

from plumbline.definitions.load import load, parse_group_by
from plumbline.definitions.model import (
    GRAINS,
    METRIC_TIME,
    Definitions,
    Dimension,
    Entity,
    Governance,
    GroupBy,
    Location,
    Measure,
    MeasureInput,
    Metric,
    MetricInput,
    Owner,
    SavedQuery,
    SemanticModel,
    Window,
)

__all__ = [
    "GRAINS",
    "METRIC_TIME",
    "Definitions",
    "Dimension",
    "Entity",
    "Governance",
    "GroupBy",
    "Location",
    "Measure",
    "MeasureInput",
    "Metric",
    "MetricInput",
    "Owner",
    "SavedQuery",
    "SemanticModel",
    "Window",
    "load",
    "parse_group_by",
]
