"""MetricFlow behind the seam, without dbt: it aggregates the metrics of one query at one grain."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from plumbline.compiler.request import Request
from plumbline.definitions import Definitions
from plumbline.errors import DefinitionError

# dialect: (MetricFlow's engine, module and class of its writer)
_WRITERS: Mapping[str, tuple[str, str, str]] = {
    "bigquery": ("BIGQUERY", "big_query", "BigQuerySqlPlanRenderer"),
    "databricks": ("DATABRICKS", "databricks", "DatabricksSqlPlanRenderer"),
    "duckdb": ("DUCKDB", "duckdb_renderer", "DuckDbSqlPlanRenderer"),
    "postgres": ("POSTGRES", "postgres", "PostgresSQLSqlPlanRenderer"),
    "redshift": ("REDSHIFT", "redshift", "RedshiftSqlPlanRenderer"),
    "snowflake": ("SNOWFLAKE", "snowflake", "SnowflakeSqlPlanRenderer"),
    "spark": ("DATABRICKS", "databricks", "DatabricksSqlPlanRenderer"),
    "trino": ("TRINO", "trino", "TrinoSqlPlanRenderer"),
}
DIALECTS = tuple(_WRITERS)
_KEPT_ENGINES = 4

_engines: dict[tuple[str, str], Any] = {}
_manifests: dict[str, Any] = {}
# MetricFlow numbers its aliases from one counter of the process.
_lock = threading.Lock()


def write_sql(definitions: Definitions, request: Request, dialect: str) -> str:
    """Let MetricFlow write the SQL of a request; raises DefinitionError with its reason."""
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest, OutputColumnOrderMode
    from metricflow_semantics.errors.error_classes import MetricFlowException

    start, end = request.time_constraint or (None, None)
    with _lock:
        try:
            plan = _engine(definitions, dialect).explain(
                MetricFlowQueryRequest.create(
                    metric_names=list(request.metrics),
                    group_by_names=[item.column for item in request.group_by] or None,
                    where_constraints=list(request.where) or None,
                    order_by_names=list(request.order_by) or None,
                    limit=request.limit,
                    time_constraint_start=datetime.fromisoformat(start) if start else None,
                    time_constraint_end=datetime.fromisoformat(end) if end else None,
                    output_column_order_mode=OutputColumnOrderMode.INPUT_ORDER,
                )
            )
        except MetricFlowException as error:
            raise _readable(request, str(error)) from None
    return str(plan.sql_statement.without_descriptions.sql)


def _engine(definitions: Definitions, dialect: str) -> Any:
    key = (definitions.digest, dialect)
    if key not in _engines:
        from metricflow.engine.metricflow_engine import MetricFlowEngine
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

        logging.getLogger("metricflow").setLevel(logging.ERROR)
        if len(_engines) >= _KEPT_ENGINES:
            _engines.clear()
            _manifests.clear()
        client: Any = _Client(dialect)
        _engines[key] = MetricFlowEngine(SemanticManifestLookup(_manifest(definitions)), client)
    return _engines[key]


def _manifest(definitions: Definitions) -> Any:
    if definitions.digest not in _manifests:
        import json

        from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest

        _manifests[definitions.digest] = parse_manifest_from_dbt_generated_manifest(
            json.dumps(definitions.raw)
        )
    return _manifests[definitions.digest]


class _Client:
    """What MetricFlow asks of a database when it only writes SQL."""

    def __init__(self, dialect: str) -> None:
        from importlib import import_module

        from metricflow.protocols.sql_client import SqlEngine

        engine, module, writer = _WRITERS[dialect]
        self.sql_engine_type = SqlEngine[engine]
        self.sql_plan_renderer = getattr(import_module(f"metricflow.sql.render.{module}"), writer)()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f":{bind_parameter_key}"


def _readable(request: Request, text: str) -> DefinitionError:
    """Keep what a person needs of MetricFlow's report: the first message and its suggestions."""
    lines = [line.strip() for line in text.splitlines()]
    message = _section(lines, "Message:", ("Suggestions:", "Query Input:", "Issue Location:"))
    suggestions = [
        line.strip("',\" ") for line in _section(lines, "Suggestions:", ("Query Input:",)) if line.strip("[]")
    ]
    asked = " ".join(_section(lines, "Query Input:", ("Issue Location:",)))
    what = f"cannot answer {', '.join(request.metrics)}" + (f" by {asked}" if asked else "")
    return DefinitionError(
        what,
        why=" ".join(message) or (lines[0] if lines else "MetricFlow refused the query."),
        todo=f"Possible: {', '.join(suggestions)}." if suggestions else "",
        code="cannot-resolve",
    )


def _section(lines: list[str], head: str, ends: tuple[str, ...]) -> list[str]:
    if head not in lines:
        return []
    found = []
    for line in lines[lines.index(head) + 1 :]:
        if line in ends or line.startswith("Error #"):
            break
        if line:
            found.append(line)
    return found
