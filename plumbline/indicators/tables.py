"""Write the candidate tables: a wide one per saved query, and the long one of all values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from plumbline.definitions import Definitions, GroupBy, Metric
from plumbline.indicators.availability import Availability
from plumbline.indicators.coverage import Coverage, data_from, uncovered_sql, unsettled_sql
from plumbline.indicators.questions import Question
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Money of up to 8 decimals stays exact, and rates are cut where the noise of floating point begins.
VALUE = "DECIMAL(38, 12)"
LONG_COLUMNS = (
    ("metric", "VARCHAR"),
    ("grain", "VARCHAR"),
    ("period_start", "DATE"),
    ("period_end", "DATE"),
    ("dimensions", "VARCHAR"),
    ("members", "VARCHAR"),
    ("value", VALUE),
    ("numerator", VALUE),
    ("denominator", VALUE),
    # Filled by plumbline.indicators.targets.
    ("target", VALUE),
    ("attainment", "DECIMAL(38, 6)"),
    ("light", "VARCHAR"),
    ("unit", "VARCHAR"),
    ("is_partial", "BOOLEAN"),
    ("definition_version", "VARCHAR"),
    ("as_of", "DATE"),
    # What the gate says of it; filled by plumbline.gate.
    ("verdict", "VARCHAR"),
    ("reason", "VARCHAR"),
    ("held_since", "TIMESTAMP"),
    ("last_good", "VARCHAR"),
)
# A wide table has a column of this name for each of its metrics.
VERDICT = "__verdict"
INTERVALS = {"day": "1 DAY", "week": "7 DAY", "month": "1 MONTH", "quarter": "3 MONTH", "year": "1 YEAR"}
_NOT_AVAILABLE = "not_available"
_ANSWER = "temp.answer"
_VALUES = "temp.indicator_value"


@dataclass(frozen=True)
class Writer:
    """Turns the answer to a question into candidate tables; rows beyond `as_of` stay out."""

    con: DuckDBPyConnection
    definitions: Definitions
    availability: Availability
    as_of: date
    coverage: Coverage = field(default_factory=dict)

    def start(self) -> None:
        """Make the long table anew, empty."""
        columns = ", ".join(f"{name} {kind}" for name, kind in LONG_COLUMNS)
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE indicator_value ({columns})")

    def answer(self, question: Question, sql: str) -> dict[str, str]:
        """Take the answer to a question, to be read several times; gives its columns and their types."""
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW answer AS {sql}")
        described = self.con.execute(f"DESCRIBE {_ANSWER}").fetchall()
        return {str(row[0]): str(row[1]) for row in described}

    def write_wide(self, question: Question, types: dict[str, str]) -> int:
        """Write the table of a saved query, in the order of its keys; gives its rows.

        Where it has periods, two more columns tell which of them, and which figures, are partial. Each
        metric's verdict comes last: certified, as long as the gate does not rule otherwise.
        """
        keys = [f"{_key(item)} AS {quoted(item.published)}" for item in question.group_by]
        values = [f"{self._value(name, types)} AS {quoted(name)}" for name in question.metrics]
        known = [name for name in question.metrics if name in self.availability]
        partial = self._partials(question, known)
        values += self._marks(question, partial) + [self._verdict(name) for name in question.metrics]
        order = ", ".join(f"{quoted(item.published)} NULLS LAST" for item in question.group_by)
        table = f"candidates.{quoted(question.name)}"
        self.con.execute(
            f"CREATE TABLE {table} AS SELECT {', '.join([*keys, *values])} FROM {partial.source}"
            f" WHERE {self._kept(question)}" + (f" ORDER BY {order}" if order else "")
        )
        return _count(self.con, table)

    def add_values(self, question: Question) -> None:
        """Add the answer to the long table: one row per key and available metric that has a value."""
        metrics = [self.definitions.metrics[name] for name in question.metrics if name in self.availability]
        if metrics:
            self.con.execute(f"INSERT INTO {_VALUES} BY NAME {self._long(question, metrics)}")

    def withdraw(self, table: str, metrics: Sequence[str]) -> None:
        """Say in the table of a saved query that metrics without any value are not available."""
        told = ", ".join(f"{quoted(name + VERDICT)} = {_text(_NOT_AVAILABLE)}" for name in metrics)
        if told:
            self.con.execute(f"UPDATE candidates.{quoted(table)} SET {told}")

    def finish(self) -> int:
        """Write the long table, ordered and without repeated keys; gives its rows."""
        self.con.execute(f"""
            CREATE TABLE candidates.indicator_value AS SELECT * FROM {_VALUES}
            QUALIFY row_number() OVER (
                PARTITION BY metric, grain, period_start, dimensions, members ORDER BY value) = 1
            ORDER BY metric, grain, dimensions, period_start, members""")
        self.con.execute(f"DROP VIEW {_ANSWER}")
        self.con.execute(f"DROP TABLE {_VALUES}")
        return _count(self.con, "candidates.indicator_value")

    def _value(self, name: str, types: dict[str, str]) -> str:
        # HUGEINT is unknown to most BI tools; counts fit a BIGINT.
        kind = "BIGINT" if types[name] in ("HUGEINT", "INTEGER") else types[name]
        column = quoted(name) if name in self.availability else "NULL"
        return f"CAST({column} AS {kind})"

    def _verdict(self, name: str) -> str:
        verdict = "certified" if name in self.availability else _NOT_AVAILABLE
        return f"{_text(verdict)} AS {quoted(name + VERDICT)}"

    def _kept(self, question: Question) -> str:
        """Keep periods that have begun, and rows with a value."""
        present = [f"{quoted(name)} IS NOT NULL" for name in question.metrics if name in self.availability]
        parts = [f"({' OR '.join(present)})" if present else "false"]
        if question.time:
            parts.append(f"{_key(question.time)} <= {_date(self.as_of)}")
        return " AND ".join(parts)

    def _long(self, question: Question, metrics: list[Metric]) -> str:
        """Turn the columns of an answer into rows, all in one pass."""
        start, end = _key(question.time) if question.time else "CAST(NULL AS DATE)", self._end(question)
        there = {*question.metrics, *question.extra}
        partial = self._partials(question, [metric.name for metric in metrics])
        columns = {
            "grain": _text(question.grain),
            "period_start": start,
            "period_end": end,
            "dimensions": _text(",".join(item.column for item in question.dimensions)),
            "members": _members(question.dimensions),
            "as_of": _date(self.as_of),
            "verdict": _text("certified"),
            "metric": _unnested(_text(metric.name) for metric in metrics),
            "value": _unnested(_exact(metric.name) for metric in metrics),
            "numerator": _unnested(_exact(metric.numerator, there) for metric in metrics),
            "denominator": _unnested(_exact(metric.denominator, there) for metric in metrics),
            "unit": _unnested(_text(metric.governance.unit) for metric in metrics),
            "is_partial": _unnested(partial.of[metric.name] for metric in metrics),
            "definition_version": _unnested(_text(metric.governance.version) for metric in metrics),
            "present": _unnested(f"{quoted(metric.name)} IS NOT NULL" for metric in metrics),
        }
        listed = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        begun = f" WHERE {start} <= {_date(self.as_of)}" if question.time else ""
        return f"SELECT * EXCLUDE (present) FROM (SELECT {listed} FROM {partial.source}{begun}) WHERE present"

    def _end(self, question: Question) -> str:
        return _end(question) if question.time else _date(self.as_of)

    def _partials(self, question: Question, metrics: Iterable[str]) -> _Partials:
        """Write the answer with what tells which values are partial: once for all of which the same does."""
        told = {name: self._partial(question, self.definitions.metrics[name]) for name in metrics}
        columns = {
            sql: quoted(f"partial {number}") for number, sql in enumerate(dict.fromkeys(told.values()))
        }
        listed = "".join(f", ({sql}) AS {column}" for sql, column in columns.items())
        return _Partials(
            f"(SELECT *{listed} FROM {_ANSWER})", {name: columns[sql] for name, sql in told.items()}
        )

    def _partial(self, question: Question, metric: Metric) -> str:
        """Write whether days that the value counts are missing.

        Days are missing before the data begin and after `as_of`; a conversion is settled when the time for
        what may follow is over, too.
        """
        if not question.time:
            return "false"
        start, end = _key(question.time), _end(question)
        last = f"least({end}, {_date(self.as_of)})"
        unsettled = unsettled_sql(self.definitions, metric.name, start, end, self.as_of)
        uncovered = uncovered_sql(self.definitions, self.coverage, metric.name, start, last)
        return " OR ".join(filter(None, [f"{end} > {_date(self.as_of)}", unsettled, uncovered]))

    def _marks(self, question: Question, partial: _Partials) -> list[str]:
        """Write which periods are partial, and the names of the metrics whose figure is."""
        if not question.time:
            return []
        start = _key(question.time)
        begins = [data_from(self.definitions, self.coverage, name) for name in partial.of]
        cut = f"{_end(question)} > {_date(self.as_of)}"
        if first := max((day for day in begins if day), default=None):
            cut = f"{start} < {_date(first)} OR {cut}"
        named = [
            f"CASE WHEN {quoted(name)} IS NOT NULL AND {told} THEN {_text(name)} END"
            for name, told in partial.of.items()
        ]
        listed = f"nullif(concat_ws(', ', {', '.join(named)}), '')" if named else "CAST(NULL AS VARCHAR)"
        return [f"({cut}) AS is_partial", f"{listed} AS partial_metrics"]


@dataclass(frozen=True)
class _Partials:
    """An answer with columns that tell which values are partial, and the column of each metric."""

    source: str
    of: Mapping[str, str]


def _end(question: Question) -> str:
    """Write the last day of the period."""
    assert question.time is not None
    start = _key(question.time)
    return f"CAST({start} + INTERVAL {INTERVALS[question.grain]} - INTERVAL 1 DAY AS DATE)"


def _unnested(items: Iterable[str]) -> str:
    return f"unnest([{', '.join(items)}])"


def _exact(column: str | None, there: Collection[str] | None = None) -> str:
    """Write a figure of the answer; NULL for one that is not `there`."""
    if column is None or (there is not None and column not in there):
        return f"CAST(NULL AS {VALUE})"
    return f"TRY_CAST({quoted(column)} AS {VALUE})"


def _date(value: date) -> str:
    return f"DATE '{value.isoformat()}'"


def _key(item: GroupBy) -> str:
    return f"CAST({quoted(item.column)} AS DATE)" if item.grain else quoted(item.column)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _members(dimensions: tuple[GroupBy, ...]) -> str:
    """Write the members as JSON: {"product__category":"Bikes"}."""
    if not dimensions:
        return "''"
    pairs = (f"{_text(item.column)}, {_key(item)}" for item in dimensions)
    return f"CAST(json_object({', '.join(pairs)}) AS VARCHAR)"


def _count(con: DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
