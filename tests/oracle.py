"""dbt's MetricFlow as the oracle for meaning: what it would answer to the same question."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any


class MetricFlow:
    """Writes SQL for DuckDB over a semantic manifest; loaded once, asked often."""

    def __init__(self, manifest: str) -> None:
        from metricflow.engine.metricflow_engine import MetricFlowEngine
        from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

        for name in ("metricflow", "metricflow_semantics", "metricflow_semantic_interfaces"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        client: Any = _Client()
        parsed = parse_manifest_from_dbt_generated_manifest(manifest)
        self._engine = MetricFlowEngine(SemanticManifestLookup(parsed), client)

    @classmethod
    def of(cls, path: Path) -> MetricFlow:
        """Load the manifest that dbt wrote."""
        return cls(json.dumps(json.loads(path.read_text(encoding="utf-8"))))

    def sql(self, query: Mapping[str, Any]) -> str:
        """Give its SQL for a query as the compiler takes it; raises MetricFlow's own errors."""
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest, OutputColumnOrderMode

        start, end = query.get("time_constraint") or (None, None)
        plan = self._engine.explain(
            MetricFlowQueryRequest.create(
                saved_query_name=query.get("saved_query"),
                metrics=[_metric(item) for item in query.get("metrics") or ()] or None,
                **_grouped_by(query.get("group_by") or ()),
                where_constraints=list(query.get("where") or ()) or None,
                order_by_names=list(query.get("order_by") or ()) or None,
                limit=query.get("limit"),
                time_constraint_start=datetime.fromisoformat(start) if start else None,
                time_constraint_end=datetime.fromisoformat(end) if end else None,
                min_max_only=bool(query.get("min_max_only")),
                apply_group_by=bool(query.get("apply_group_by", True)),
                output_column_order_mode=OutputColumnOrderMode.INPUT_ORDER,
            )
        )
        return str(plan.sql_statement.without_descriptions.sql)


def _metric(item: Any) -> Any:
    from metricflow_semantics.specs.query_param_implementations import MetricParameter

    return MetricParameter(item) if isinstance(item, str) else MetricParameter(**item)


def _grouped_by(items: Sequence[Any]) -> dict[str, Any]:
    """Give names, or descriptions where one is described: it takes only one kind."""
    if all(isinstance(item, str) for item in items):
        return {"group_by_names": list(items) or None}
    return {"group_by": [_group_by({"name": item} if isinstance(item, str) else item) for item in items]}


def _group_by(item: Mapping[str, Any]) -> Any:
    from metricflow_semantic_interfaces.type_enums import DatePart
    from metricflow_semantics.specs import query_param_implementations as parameters

    part = item.get("date_part")
    if part or item.get("grain"):
        return parameters.TimeDimensionParameter(**{**item, "date_part": DatePart(part) if part else None})
    return parameters.DimensionOrEntityParameter(**item)


class _Client:
    """What MetricFlow asks of a database when it only writes SQL."""

    def __init__(self) -> None:
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer

        self.sql_engine_type = SqlEngine.DUCKDB
        self.sql_plan_renderer = DuckDbSqlPlanRenderer()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f":{bind_parameter_key}"
