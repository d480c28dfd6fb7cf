"""Our own expectations, as types of Great Expectations.

`ExpectRowsToSatisfy` judges a SQL condition over each row; its two counts are computed in the same scan as
the other aggregates of the table, and so are those of `ExpectKeyToBeUnique`. `ExpectEvidenceToHold` reads one
row of a query that many expectations share.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

JUDGED, REFUSED = "rows.judged", "rows.refused"
KEYED, KEYS = "rows.keyed", "rows.different_keys"
EVIDENCE = "evidence.rows"


def _aggregate(provider: Any) -> Any:
    decorate = metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    return decorate(provider)


def _count_where(condition: str) -> sa.ColumnElement[int]:
    return sa.func.count().filter(sa.text(condition.replace(":", r"\:")))


class RowsJudged(TableMetricProvider):
    """How many rows the condition is true or false of."""

    metric_name = JUDGED
    value_keys = ("condition",)

    @_aggregate
    def _sqlalchemy(cls, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:  # noqa: N805
        return _count_where(f"({metric_value_kwargs['condition']}) is not null"), metric_domain_kwargs, {}


class RowsRefused(TableMetricProvider):
    """How many rows the condition is false of."""

    metric_name = REFUSED
    value_keys = ("condition",)

    @_aggregate
    def _sqlalchemy(cls, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:  # noqa: N805
        return _count_where(f"not ({metric_value_kwargs['condition']})"), metric_domain_kwargs, {}


class KeyedRows(TableMetricProvider):
    """How many rows have a key: of one column the rows where it has a value, of several all rows."""

    metric_name = KEYED
    value_keys = ("key",)

    @_aggregate
    def _sqlalchemy(cls, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:  # noqa: N805
        key = metric_value_kwargs["key"]
        counted = sa.func.count(sa.column(key[0])) if len(key) == 1 else sa.func.count()
        return counted, metric_domain_kwargs, {}


_WHOLE_NUMBERS = ("SMALLINT", "INTEGER", "BIGINT", "USMALLINT", "UINTEGER")
_MANY_ROWS, _ROOM_PER_ROW, _MOST_BITS = 100_000, 32, 1_000_000_000


def _counted_in_bits(engine: Any, records: Any, key: Any) -> Any:
    """Count different values; with a bit for each number of a narrow range that takes a tenth of the time."""
    described = sa.select(
        sa.func.count(), sa.func.min(key), sa.func.max(key), sa.func.typeof(sa.func.min(key))
    )
    rows, low, high, kind = engine.execute_query(described.select_from(records)).one()
    narrow = kind in _WHOLE_NUMBERS and rows >= _MANY_ROWS
    if narrow and high - low < min(rows * _ROOM_PER_ROW, _MOST_BITS):
        bits = sa.func.bitstring_agg(key, sa.literal_column(str(low)), sa.literal_column(str(high)))
        return sa.func.bit_count(bits)
    return sa.func.count(sa.distinct(key))


class DifferentKeys(TableMetricProvider):
    """How many different keys there are."""

    metric_name = KEYS
    value_keys = ("key",)

    @_aggregate
    def _sqlalchemy(cls, execution_engine: Any, metric_value_kwargs: Any, **more: Any) -> Any:  # noqa: N805
        columns: list[Any] = [sa.column(name) for name in metric_value_kwargs["key"]]
        if len(columns) == 1:
            records = execution_engine.get_domain_records(more["metric_domain_kwargs"])
            counted = _counted_in_bits(execution_engine, records, columns[0])
        else:
            counted = sa.func.count(sa.distinct(sa.func.row(*columns)))
        return counted, more["metric_domain_kwargs"], {}


class EvidenceRows(TableMetricProvider):
    """The rows of a query that collects evidence, by subject."""

    metric_name = EVIDENCE
    value_keys = ("query",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_value_kwargs: Any, **_: Any) -> Any:  # noqa: N805
        query = sa.text(metric_value_kwargs["query"].replace(":", r"\:"))
        return {row[0]: tuple(row[1:]) for row in execution_engine.execute_query(query).fetchall()}


class ExpectRowsToSatisfy(BatchExpectation):
    """Expect a SQL condition to be false of at most 1 - mostly of the rows that it can be judged for."""

    condition: str
    mostly: float = 1.0

    metric_dependencies: ClassVar[tuple[str, ...]] = (JUDGED, REFUSED)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)
    success_keys: ClassVar[tuple[str, ...]] = ("condition", "mostly")

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        judged, refused = metrics[JUDGED], metrics[REFUSED]
        return {"success": refused <= judged * (1 - self.mostly) + 1e-9}


class ExpectKeyToBeUnique(BatchExpectation):
    """Expect as many different keys as there are rows with a key."""

    key: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = (KEYED, KEYS)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)
    success_keys: ClassVar[tuple[str, ...]] = ("key",)

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        return {"success": metrics[KEYED] == metrics[KEYS]}


class ExpectEvidenceToHold(BatchExpectation):
    """Expect the evidence on a subject to show at most 1 - mostly of its rows as unexpected."""

    query: str
    subject: str
    mostly: float = 1.0

    metric_dependencies: ClassVar[tuple[str, ...]] = (EVIDENCE,)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)
    success_keys: ClassVar[tuple[str, ...]] = ("query", "subject", "mostly")

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        if self.subject not in metrics[EVIDENCE]:
            raise LookupError(f"the evidence says nothing of {self.subject}")
        evaluated, unexpected, *_ = metrics[EVIDENCE][self.subject]
        return {"success": unexpected <= evaluated * (1 - self.mostly) + 1e-9}
