"""Great Expectations at work: metrics in one statement per table, then the verdict of each expectation.

Import this module through `warm.judging`; Great Expectations takes seconds to import.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import great_expectations.expectations as core
import sqlalchemy as sa
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.metrics_calculator import MetricsCalculator
from great_expectations.validator.validation_graph import ValidationGraph

from plumbline.quality import great_expectations_types as ours
from plumbline.quality.rules import Call

# What goes wrong is told in the results; Great Expectations would print it as well.
logging.getLogger("great_expectations").setLevel(logging.CRITICAL)

_BOOLEAN_ONLY: dict[str, Any] = {"result_format": {"result_format": "BOOLEAN_ONLY"}}
_ROWS = "table.row_count"
_NONNULL = "column_values.nonnull.unexpected_count"
_UNEXPECTED = ".unexpected_count"
_FILTERED = ".filtered_row_count"


@dataclass(frozen=True)
class Finding:
    """What Great Expectations says of one expectation; `reason` tells why there was nothing to judge."""

    success: bool = False
    evaluated: int = 0
    unexpected: int | None = None
    observed: str = ""
    reason: str = ""
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class TableFindings:
    """The rows of a table, None when they cannot be counted, and what was found, by number."""

    rows: int | None
    findings: Mapping[int, Finding]


class _Engine(SqlAlchemyExecutionEngine):
    """Computes all aggregates of a table in one statement.

    The base class groups them by their domain, and counts a key without a value as another domain.
    """

    def resolve_metric_bundle(self, metric_fn_bundle: Any) -> Any:
        return super().resolve_metric_bundle([_plain_domain(each) for each in metric_fn_bundle])


def _plain_domain(computation: Any) -> Any:
    domain = computation.compute_domain_kwargs or {}
    given = {key: value for key, value in domain.items() if value is not None}
    return replace(computation, compute_domain_kwargs=given)


class _Graph(ValidationGraph):
    """A graph of metrics that follows equal metrics once, and has all aggregates computed together."""

    def __init__(self, engine: SqlAlchemyExecutionEngine) -> None:
        super().__init__(execution_engine=engine)
        self._followed: set[Any] = set()

    def build_metric_dependency_graph(
        self, metric_configuration: Any, runtime_configuration: Any = None
    ) -> None:
        self.set_metric_configuration_default_kwargs_if_absent(metric_configuration)
        metric_id = metric_configuration.id
        if metric_id not in self._followed:
            self._followed.add(metric_id)
            super().build_metric_dependency_graph(metric_configuration, runtime_configuration)

    def _parse(self, metrics: Any) -> tuple[set[Any], set[Any]]:
        # The base class computes whatever is ready, round by round, and so scans a table once for each round.
        ready, needed = super()._parse(metrics)
        # Aggregates wait for what the others among them need first: plain values, and the count of all rows.
        plain = {metric for metric in ready if "metric_partial_fn" not in metric.metric_dependencies}
        counts = {metric for metric in ready if metric.metric_name == _ROWS}
        first = plain or (counts if needed else ready)
        return first, needed | (ready - first)


class Judge:
    """Judges expectations over one SQLAlchemy engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = _Engine(engine=engine)
        self._calculator = MetricsCalculator(self._engine, show_progress_bars=False)

    def judge_table(self, relation: str, calls: Mapping[int, Call]) -> TableFindings:
        """Judge all expectations on one table; where one of them breaks the statement, each by itself."""
        schema, _, name = relation.rpartition(".")
        batch = SqlAlchemyBatchData(
            self._engine, table_name=name, schema_name=schema or "main", create_temp_table=False
        )
        self._engine.load_batch_data(relation, batch)
        together = self._judge(relation, calls)
        if len(calls) < 2 or not any(finding.error for finding in together.findings.values()):
            return together
        alone = {number: self._judge(relation, {number: call}) for number, call in calls.items()}
        counted = [found.rows for found in alone.values() if found.rows is not None]
        merged = {number: found.findings[number] for number, found in alone.items()}
        return TableFindings(counted[0] if counted else None, merged)

    def judge_evidence(self, query: str, subjects: Mapping[int, tuple[str, float]]) -> Mapping[int, Finding]:
        """Judge expectations by one row each of `query`: its subject, and the share that must hold."""
        batch = SqlAlchemyBatchData(self._engine, query="select 1", create_temp_table=False)
        self._engine.load_batch_data("evidence", batch)
        calls = {
            number: Call("ExpectEvidenceToHold", {"query": query, "subject": subject, "mostly": share})
            for number, (subject, share) in subjects.items()
        }
        return self._judge("evidence", calls, count_rows=False).findings

    def _judge(self, batch_id: str, calls: Mapping[int, Call], *, count_rows: bool = True) -> TableFindings:
        started = time.perf_counter()
        rows = MetricConfiguration(_ROWS, {"batch_id": batch_id})
        expectations = {number: _expectation(call, batch_id) for number, call in calls.items()}
        wanted = {
            number: expectation.get_validation_dependencies(self._engine, _BOOLEAN_ONLY).metric_configurations
            for number, expectation in expectations.items()
        }
        every = [metric for metrics in wanted.values() for metric in metrics.values()]
        values, aborted = self._computed([*every, rows] if count_rows else every)
        counted = values.get(rows.id)
        share = (time.perf_counter() - started) / max(len(calls), 1)
        findings: dict[int, Finding] = {}
        for number, expectation in expectations.items():
            needed = wanted[number]
            if any(metric.id not in values for metric in needed.values()):
                findings[number] = Finding(error=_cause(needed.values(), aborted), seconds=share)
            else:
                metrics = {name: values[metric.id] for name, metric in needed.items()}
                findings[number] = self._verdict(expectation, metrics, int(counted or 0), share)
        return TableFindings(None if counted is None else int(counted), findings)

    def _computed(
        self, metrics: Sequence[MetricConfiguration]
    ) -> tuple[Mapping[Any, Any], Mapping[Any, Any]]:
        graph = _Graph(self._engine)
        for metric in metrics:
            graph.build_metric_dependency_graph(metric, _BOOLEAN_ONLY)
        return self._calculator.resolve_validation_graph_and_handle_aborted_metrics_info(graph, _BOOLEAN_ONLY)

    def _verdict(self, expectation: Any, metrics: Mapping[str, Any], rows: int, seconds: float) -> Finding:
        try:
            answer = expectation._validate(metrics, dict(_BOOLEAN_ONLY), self._engine)
            success, seen = bool(answer["success"]), answer.get("result", {})
        except Exception as error:  # whatever an expectation raises is a failed check, told with its text
            return Finding(error=f"{type(error).__name__}: {error}", seconds=seconds)
        if ours.EVIDENCE in metrics:
            evaluated, unexpected, observed, reason = metrics[ours.EVIDENCE][expectation.subject]
            return Finding(
                success, int(evaluated or 0), unexpected, observed or "", reason or "", seconds=seconds
            )
        if ours.JUDGED in metrics:
            return Finding(success, metrics[ours.JUDGED], metrics[ours.REFUSED], seconds=seconds)
        evaluated, unexpected = _counts(metrics, rows)
        return Finding(success, evaluated, unexpected, _seen(seen), seconds=seconds)


def _expectation(call: Call, batch_id: str) -> Any:
    kind = getattr(ours, call.expectation, None) or getattr(core, call.expectation)
    return kind(batch_id=batch_id, **call.arguments)


def _counts(metrics: Mapping[str, Any], rows: int) -> tuple[int, int | None]:
    """Count the judged rows and those that break the rule, from the metrics of a core expectation."""
    unexpected = {name: value for name, value in metrics.items() if name.endswith(_UNEXPECTED)}
    if not unexpected:
        return rows, None
    if set(unexpected) == {_NONNULL}:
        return rows, int(unexpected[_NONNULL] or 0)
    filtered = [value for name, value in metrics.items() if name.endswith(_FILTERED)]
    evaluated = int(filtered[0]) if filtered else rows - int(unexpected.get(_NONNULL) or 0)
    broken = next(value for name, value in unexpected.items() if name != _NONNULL)
    return evaluated, int(broken or 0)


def _seen(result: Mapping[str, Any]) -> str:
    value = result.get("observed_value")
    missing = ((result.get("details") or {}).get("mismatched") or {}).get("missing")
    if missing:
        return f"missing: {', '.join(missing)}"
    if value is None or isinstance(value, list):
        return ""
    return f"{value:,} rows" if isinstance(value, int) else f"found {value}"


def _cause(needed: Iterable[MetricConfiguration], aborted: Mapping[Any, Any]) -> str:
    """Give the line that says what is wrong with a metric that was needed, or else with one before it."""
    own = [aborted[metric.id] for metric in needed if metric.id in aborted]
    failures = own or list(aborted.values())
    text = str(failures[0]["exception_info"].exception_message) if failures else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"^\(duckdb\.(duckdb\.)?", "(", lines[0]) if lines else "an error without a text"
