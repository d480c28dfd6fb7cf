"""Rules about indicator candidates: totals against their marts, and which tables there are."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sqlglot import exp, parse_one

from plumbline.quality.context import StageContext
from plumbline.quality.evidence import Evidence, compared, numbered, total
from plumbline.quality.rules import ACCURACY
from plumbline.quality.sql import bind, count, literal, table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TABLES = """
with columns as (
    select columns.table_name, columns.column_name, columns.data_type, columns.column_index,
        indicator.name is not null as is_metric, indicator.available, indicator.unavailable_reason
    from duckdb_columns() as columns
    left join candidates.indicator as indicator on columns.column_name = indicator.name
    where columns.database_name = current_database()
        and columns.schema_name = 'candidates'
        and columns.table_name not in (
            'coverage', 'doubt', 'hold', 'indicator', 'indicator_edge', 'indicator_value', 'target'
        )
        and columns.column_name not in ('is_partial', 'partial_metrics')
        and not ends_with(columns.column_name, '__verdict')
)

select
    table_name,
    coalesce(list(column_name order by column_index) filter (where not is_metric), []) as key,
    coalesce(list(column_name) filter (where not is_metric and data_type = 'DATE'), []) as days,
    coalesce(bool_or(available), false) as available,
    coalesce(min(unavailable_reason), 'it has no metric') as reason
from columns
group by table_name
order by table_name
"""


@dataclass(frozen=True)
class CandidateTable:
    """A wide candidate table: its key columns, those of them that are days, and why it has no figures."""

    name: str
    key: tuple[str, ...]
    days: tuple[str, ...]
    absent: str


def candidate_tables(con: DuckDBPyConnection) -> tuple[CandidateTable, ...]:
    """Read which wide candidate tables there are; a column that is no metric, nor tells of one, is
    part of the key."""
    return tuple(
        CandidateTable(f"candidates.{name}", tuple(key), tuple(days), "" if available else reason)
        for name, key, days, available, reason in con.execute(_TABLES).fetchall()
    )


@dataclass(frozen=True)
class MetricTotal(Evidence):
    """The months of a metric add up to the total of an expression in its mart."""

    dimension: ClassVar[str] = ACCURACY
    whole: ClassVar[bool] = True
    metric: str
    mart: str
    pairs: tuple[tuple[str, str], ...]
    where: str

    @property
    def columns(self) -> tuple[str, ...]:
        return ("value",)

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.mart,)

    @property
    def subject(self) -> str:
        return self.metric

    def shared_by(self, relation: str) -> Hashable:
        return (relation, self.mart, self.pairs, self.where)

    def words(self, context: StageContext) -> str:
        expression = dict(self.pairs)[self.metric]
        counted = (
            f"the rows of {self.mart}" if expression == "1" else f"the total of {expression} in {self.mart}"
        )
        return f"the months of {self.metric} add up to {counted}"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        metrics = [metric for metric, _ in self.pairs]
        months = exp.select(count().as_("counted"), *numbered([_months(m) for m in metrics]))
        theirs = [total(parse_one(expression, read="duckdb")) for _, expression in self.pairs]
        mart = exp.select(*numbered(theirs)).from_(table(self.mart))
        if self.where:
            mart = bind(mart.where(self.where, dialect="duckdb"), {"as_of": context.as_of})
        here = months.from_(table(relation)).where("grain = 'month'").where("dimensions = ''")
        return compared(metrics, here, mart, f" in {self.mart}")


def _months(metric: str) -> exp.Expr:
    of_metric = exp.case().when(exp.column("metric").eq(literal(metric)), exp.column("value"))
    return total(of_metric)


def metric_totals(mart: str, *, where: str = "", **pairs: str) -> tuple[MetricTotal, ...]:
    """The months of each metric in `candidates.indicator_value` add up to an expression over its mart."""
    every = tuple(pairs.items())
    return tuple(MetricTotal(metric, mart, every, where) for metric in pairs)
