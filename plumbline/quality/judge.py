"""Great Expectations at work: metrics in one statement per table, then the verdict of each expectation.

Import this module through `warm.judging`; Great Expectations takes seconds to import.
"""

from __future__ import annotations

import logging
import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any

import great_expectations.expectations as core
import sqlalchemy as sa
from great_expectations.compatibility import pydantic
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.util import convert_to_json_serializable as _plain
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.metrics_calculator import MetricsCalculator
from great_expectations.validator.validation_graph import ValidationGraph
from sqlglot import exp, parse_one

from plumbline.quality import great_expectations_types as ours
from plumbline.quality.kept import Kept, Parts
from plumbline.quality.rules import EVIDENCE, Question

# What goes wrong is told in the results; Great Expectations would print it as well.
logging.getLogger("great_expectations").setLevel(logging.CRITICAL)

_BOOLEAN_ONLY: dict[str, Any] = {"result_format": {"result_format": "BOOLEAN_ONLY"}}
_ABSENT = object()
_ROWS = "table.row_count"
_NONNULL = "column_values.nonnull.unexpected_count"
_UNEXPECTED = ".unexpected_count"
_FILTERED = ".filtered_row_count"
# Below it a table is read faster than it is asked what was found of its months before.
_WORTH_KEEPING = 100_000
_PLAIN = (
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Paren,
    exp.Neg,
    exp.Not,
    exp.Connector,
    exp.Predicate,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Case,
    exp.If,
    exp.Abs,
    exp.Coalesce,
    exp.Nullif,
)


@dataclass(frozen=True)
class Finding:
    """What Great Expectations says of an `expectation`; `reason` tells why there was nothing to judge."""

    success: bool = False
    evaluated: int = 0
    unexpected: int | None = None
    observed: str = ""
    reason: str = ""
    error: str = ""
    seconds: float = 0.0
    expectation: str = ""


@dataclass(frozen=True)
class Answers:
    """What was found, by number of question, and the rows of each table; None if they cannot be counted."""

    findings: Mapping[int, Finding]
    rows: Mapping[str, int | None]


@dataclass(frozen=True)
class _Failure:
    """Stands for an aggregate that could not be computed."""

    text: str


class _Engine(SqlAlchemyExecutionEngine):
    """Computes all aggregates of a table in one statement; one that fails spoils no other table's.

    The base class takes a key without a value for another domain, and so reads a table several times.
    """

    def resolve_metric_bundle(self, metric_fn_bundle: Any) -> Any:
        by_batch: dict[str, list[Any]] = defaultdict(list)
        for computation in metric_fn_bundle:
            domain = {key for key, value in computation.compute_domain_kwargs.items() if value is not None}
            assert domain == {"batch_id"}, f"no rule reads a part of a table, but: {domain}"
            by_batch[computation.compute_domain_kwargs["batch_id"]].append(computation)
        resolved: dict[Any, Any] = {}
        for batch, computations in by_batch.items():
            resolved.update(self._aggregates(batch, computations))
        return resolved

    kept: Kept | None = None

    def _aggregates(self, batch: str, computations: Sequence[Any]) -> Mapping[Any, Any]:
        adding = [each for each in computations if _adds_up(each.metric_configuration)]
        added = self._added(batch, adding)
        others = [each for each in computations if each.metric_configuration.id not in added]
        return {**(self._of_the_whole(batch, others) if others else {}), **added}

    def _added(self, batch: str, computations: Sequence[Any]) -> dict[Any, Any]:
        """Add up counts by part: those of parts that are as they were, and those that are counted now."""
        whole = self.kept.parts_of(batch) if self.kept else None
        if self.kept is None or whole is None or whole.rows < _WORTH_KEEPING:
            return {}
        basis = whole.basis
        rules = {
            each.metric_configuration.id: f"{batch} {each.metric_configuration.id}" for each in computations
        }
        known = {name: self.kept.recall(rule, basis) for name, rule in rules.items()}
        together: dict[frozenset[str], list[Any]] = defaultdict(list)
        for each in computations:
            together[frozenset(basis.keys() - known[each.metric_configuration.id].keys())].append(each)
        for parts, some in together.items():
            for name, found in self._by_part(batch, whole, parts, some).items():
                known[name] |= found
        complete = {name: found for name, found in known.items() if found.keys() == basis.keys()}
        for name, found in complete.items():
            self.kept.remember(rules[name], basis, found)
        return {name: sum(found.values()) for name, found in complete.items()}

    def _by_part(
        self, batch: str, whole: Parts, parts: Collection[str], computations: Sequence[Any]
    ) -> dict[Any, dict[str, int]]:
        """Count in some parts; nothing where that fails, so that the whole table tells why."""
        if not parts:
            return {}
        columns = [each.metric_fn.label(f"aggregate_{place}") for place, each in enumerate(computations)]
        number: sa.Label[int] = sa.literal_column(whole.number).label("part")
        statement = sa.select(number, *columns).select_from(self.get_domain_records({"batch_id": batch}))
        try:
            rows = self.execute_query(
                statement.where(sa.text(whole.chosen(parts))).group_by(number)
            ).fetchall()
        except Exception:  # whatever it is, the statement over the whole table meets it, too
            return {}
        return {
            each.metric_configuration.id: {whole.name(row[0]): int(row[place] or 0) for row in rows}
            for place, each in enumerate(computations, start=1)
        }

    def _of_the_whole(self, batch: str, computations: Sequence[Any]) -> dict[Any, Any]:
        columns = [each.metric_fn.label(f"aggregate_{place}") for place, each in enumerate(computations)]
        statement = sa.select(*columns).select_from(self.get_domain_records({"batch_id": batch}))
        try:
            values: Sequence[Any] = self.execute_query(statement).one()
        except Exception as error:  # whatever it is, the expectations that need these values have failed
            values = [_Failure(_first_line(str(error)))] * len(computations)
        return {
            each.metric_configuration.id: value if isinstance(value, _Failure) else _plain(value)
            for each, value in zip(computations, values, strict=True)
        }


def _adds_up(metric: MetricConfiguration) -> bool:
    """Tell whether an aggregate counts rows one by one, by what stands in them alone.

    A bound that is a date is most often the day of the run, which is another tomorrow.
    """
    name, given = metric.metric_name.removesuffix(".aggregate_fn"), metric.metric_value_kwargs
    if any(isinstance(value, date) for value in given.values()):
        return False
    condition = given.get("condition")
    if condition is not None and not _is_of_the_row(condition):
        return False
    return name.endswith(_UNEXPECTED) or name in (_ROWS, ours.JUDGED, ours.REFUSED, ours.KEYED)


@lru_cache(maxsize=1024)
def _is_of_the_row(condition: str) -> bool:
    """Tell whether a condition has only columns, literals and what every day computes alike."""
    every = parse_one(condition, read="duckdb").find_all(exp.Expr)
    return all(isinstance(part, _PLAIN) for part in every)


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

    def __init__(self, engine: sa.Engine, kept: Kept | None = None) -> None:
        self._engine = _Engine(engine=engine)
        self._engine.kept = kept
        self._calculator = MetricsCalculator(self._engine, show_progress_bars=False)

    def judge(self, questions: Sequence[Question], tables: Sequence[str]) -> Answers:
        """Judge all questions together, and where something broke, those of that table each by itself."""
        batches = {*tables, *(question.batch for question in questions)}
        for batch in batches:
            self._load(batch)
        findings, rows = self._judge(questions, tables)
        troubled = {question.batch for question in questions if findings[question.number].error} - {EVIDENCE}
        for question in questions:
            if question.batch in troubled:
                again, counted = self._judge([question], [question.batch])
                findings.update(again)
                rows.update(counted)
        return Answers(findings, rows)

    def _load(self, batch: str) -> None:
        if batch == EVIDENCE:
            data = SqlAlchemyBatchData(self._engine, query="select 1", create_temp_table=False)
        else:
            schema, _, name = batch.rpartition(".")
            data = SqlAlchemyBatchData(
                self._engine, table_name=name, schema_name=schema or "main", create_temp_table=False
            )
        self._engine.load_batch_data(batch, data)

    def _judge(
        self, questions: Sequence[Question], tables: Sequence[str]
    ) -> tuple[dict[int, Finding], dict[str, int | None]]:
        started = time.perf_counter()
        counts = {table: MetricConfiguration(_ROWS, {"batch_id": table}) for table in tables}
        asked = {question.number: _asked(question, self._engine) for question in questions}
        every = [metric for needs in asked.values() for metric in needs.metrics.values()]
        values, aborted = self._computed([*every, *counts.values()])
        rows = {table: _count(values.get(metric.id)) for table, metric in counts.items()}
        seconds = (time.perf_counter() - started) / max(len(questions), 1)
        findings = {}
        for question in questions:
            needs = asked[question.number]
            found = {name: values.get(metric.id, _ABSENT) for name, metric in needs.metrics.items()}
            error = needs.error or next(
                (each.text for each in found.values() if isinstance(each, _Failure)), ""
            )
            if error or _ABSENT in found.values():
                finding = Finding(error=error or _cause(needs.metrics.values(), aborted), seconds=seconds)
            else:
                finding = self._verdict(needs.expectation, found, rows.get(question.batch) or 0, seconds)
            findings[question.number] = replace(finding, expectation=question.call.expectation)
        return findings, rows

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
        if ours.KEYED in metrics:
            repeated = metrics[ours.KEYED] - metrics[ours.KEYS]
            told = "they repeat the key of another row" if repeated else ""
            return Finding(success, metrics[ours.KEYED], repeated, told, seconds=seconds)
        evaluated, unexpected = _counts(metrics, rows)
        return Finding(success, evaluated, unexpected, _seen(seen), seconds=seconds)


@dataclass(frozen=True)
class _Needs:
    """The expectation that a question asks, and the metrics that it needs; or why it cannot be asked."""

    expectation: Any = None
    metrics: Mapping[str, MetricConfiguration] = field(default_factory=dict)
    error: str = ""


def _asked(question: Question, engine: Any) -> _Needs:
    call = question.call
    try:
        kind = getattr(ours, call.expectation, None) or getattr(core, call.expectation)
        expectation = _remembering(kind)(batch_id=question.batch, **call.arguments)
        needed = expectation.get_validation_dependencies(engine, _BOOLEAN_ONLY)
    except Exception as error:  # whatever an expectation raises is a failed check, told with its text
        return _Needs(error=f"{type(error).__name__}: {_told(str(error))}")
    return _Needs(expectation, needed.metric_configurations)


def _told(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None


@lru_cache
def _remembering(kind: Any) -> Any:
    """Give the kind of expectation that writes its configuration once.

    Great Expectations writes it, and builds another expectation from it, a dozen times for each check.
    """

    def configuration(self: Any) -> Any:
        if self._written is None:
            self._written = kind.configuration.fget(self)
            self._written.to_domain_obj = lambda: self
        return self._written

    return type(kind)(
        f"Remembering{kind.__name__}",
        (kind,),
        {
            "__module__": __name__,
            "__doc__": kind.__doc__,
            "_written": pydantic.PrivateAttr(default=None),
            "configuration": property(configuration),
        },
    )


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
    return _first_line(str(failures[0]["exception_info"].exception_message) if failures else "")


def _first_line(text: str) -> str:
    """Give the line that says what is wrong, without SQLAlchemy's statement and link."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"^\(_?duckdb\.(duckdb\.)?", "(", lines[0]) if lines else "an error without a text"
