"""The one query door: a question in people's words becomes governed SQL, and its answer a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from plumbline.compiler import compile as compile_query
from plumbline.definitions import Definitions, GroupBy, load
from plumbline.errors import DefinitionError, UsageError
from plumbline.project import Home
from plumbline.publication import Publication
from plumbline.publication.labels import Label, label_column, labels_of
from plumbline.publication.sql import identifier
from plumbline.serving.compare import COMPARISONS, Comparison, compare_sql
from plumbline.serving.periods import Period, last_day, read_period
from plumbline.serving.reader import Source, open_generation, open_live
from plumbline.serving.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_DATE_GRAINS = {"day", "week", "month", "quarter", "year"}


@dataclass(frozen=True)
class Question:
    """What somebody asks, in words of their own: names, labels or synonyms in English or Chinese."""

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    grain: str | None = None
    order: tuple[str, ...] = ()
    limit: int | None = None
    compare: str | None = None


@dataclass(frozen=True)
class Resolved:
    """The same question in names of the definitions."""

    metrics: tuple[str, ...]
    group_by: tuple[GroupBy, ...]
    where: tuple[str, ...]
    period: Period | None
    order: tuple[str, ...]
    limit: int | None
    comparison: Comparison | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns of the answer."""
        keys = tuple(item.column for item in self.group_by)
        return keys + (self.comparison.columns(self.metrics) if self.comparison else self.metrics)


@dataclass(frozen=True)
class AnswerColumn:
    """One column of an answer: `is_key` for what it is split by, `is_date` where a time is a whole day."""

    name: str
    label: Label
    is_key: bool
    is_date: bool


class Answer:
    """The answer to a question; the rows are read when they are asked for."""

    def __init__(
        self, source: Source, sql: str, columns: tuple[AnswerColumn, ...], *, filtered: bool
    ) -> None:
        self._source = source
        self._filtered = filtered
        self.sql = sql
        self.columns = columns

    @property
    def publication(self) -> Publication | None:
        """The publication that answers; None for the private warehouse."""
        return self._source.publication

    def rows(self) -> list[tuple[Any, ...]]:
        """Read the rows; money is Decimal, whole days are dates."""
        dates = [index for index, column in enumerate(self.columns) if column.is_date]
        with self._mending():
            rows = self._source.connection.execute(self.sql).fetchall()
        if not dates:
            return rows
        return [
            tuple(_whole_day(value) if index in dates else value for index, value in enumerate(row))
            for row in rows
        ]

    def still_running(self, rows: Sequence[tuple[Any, ...]]) -> date | None:
        """Give the first day of the period that was not over on the as-of date, if the rows have one."""
        times = [
            index for index, column in enumerate(self.columns) if column.name.startswith("metric_time__")
        ]
        if not (times and rows and self.publication):
            return None
        grain = self.columns[times[0]].name.rpartition("__")[2]
        starts = {row[times[0]] for row in rows if row[times[0]]} if grain in _DATE_GRAINS else set()
        return next((day for day in starts if last_day(day, grain) > self.publication.as_of >= day), None)

    def arrow(self) -> pa.Table:
        """Read the rows as an Arrow table; whole days are dates, counts are int64."""
        import pyarrow as pa

        with self._mending():
            table = self._source.connection.sql(self.sql).to_arrow_table()
        for index, (column, kind) in enumerate(zip(self.columns, table.schema.types, strict=True)):
            wanted = pa.date32() if column.is_date and pa.types.is_timestamp(kind) else None
            if kind == pa.decimal128(38, 0):
                # What DuckDB adds up from integers is a HUGEINT, which Arrow knows as a decimal only.
                wanted = pa.int64()
            if wanted:
                table = table.set_column(index, column.name, table.column(index).cast(wanted))
        return table

    @contextmanager
    def _mending(self) -> Iterator[None]:
        """Run the SQL only when it is one SELECT; blame the condition, where there is one, for what fails."""
        import duckdb

        try:
            statements = self._source.connection.extract_statements(self.sql)
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                raise _bad_condition("It is more than a comparison of values.")
            yield
        except duckdb.Error as error:
            if not self._filtered:
                raise
            raise _bad_condition(str(error).splitlines()[0]) from None


def query(
    home: Home,
    metrics: Sequence[str],
    *,
    by: Sequence[str] = (),
    where: Sequence[str] = (),
    start: str | None = None,
    end: str | None = None,
    grain: str | None = None,
    order: Sequence[str] = (),
    limit: int | None = None,
    compare: str | None = None,
    live: bool = False,
) -> pa.Table:
    """Answer a question from the current generation (`live`: from the private warehouse) as an Arrow table.

    Columns: what it is split `by`, then the metrics, in the order asked for, then comparisons. Raises
    DefinitionError for unknown, ambiguous or unavailable names, UsageError for impossible ranges,
    StorageError when nothing is published.
    """
    question = Question(
        tuple(metrics), tuple(by), tuple(where), start, end, grain, tuple(order), limit, compare
    )
    with open_live(home) if live else open_generation(home, sealed=True) as source:
        return ask(home, source, question).arrow()


def ask(home: Home, source: Source, question: Question) -> Answer:
    """Answer a question from an open source; the answer lives as long as the source is open."""
    definitions = load(source.manifest)
    vocabulary = Vocabulary(definitions)
    resolved = resolve(vocabulary, question)
    require_available(source, resolved.metrics)
    try:
        sql = _sql(home, source, resolved)
    except DefinitionError as error:
        raise _unreachable(vocabulary, resolved) or error from None
    return Answer(source, sql, _columns(definitions, resolved), filtered=bool(resolved.where))


def resolve(vocabulary: Vocabulary, question: Question) -> Resolved:
    """Put a question into the names of the definitions."""
    metrics = tuple(vocabulary.metric(text) for text in question.metrics)
    grain = vocabulary.grain(question.grain) if question.grain else ""
    group_by = [vocabulary.group_by(text, metrics, grain) for text in question.by]
    if grain and not any(item.grain == grain for item in group_by):
        group_by.insert(0, GroupBy("metric_time", grain))
    period = read_period(question.start, question.end)
    comparison = None
    if question.compare:
        comparison = Comparison.choose(question.compare, group_by, period)
    resolved = Resolved(
        metrics=metrics,
        group_by=tuple(group_by),
        where=tuple(vocabulary.where(text, metrics) for text in question.where),
        period=period,
        order=(),
        limit=question.limit,
        comparison=comparison,
    )
    order = tuple(_order(vocabulary, resolved, text) for text in question.order)
    return replace(resolved, order=order)


def require_available(source: Source, metrics: Sequence[str]) -> None:
    """Raise DefinitionError for the first metric that has no data behind it, saying why."""
    placeholders = ", ".join("?" * len(metrics))
    rows = source.connection.execute(
        f"SELECT name, unavailable_reason FROM {identifier('warehouse', source.library, 'indicator')} "
        f"WHERE NOT available AND name IN ({placeholders}) ORDER BY name",
        list(metrics),
    ).fetchall()
    for name, reason in rows:
        raise DefinitionError(
            f"metric {name!r} is not available",
            why=_sentence(reason),
            todo="`plumb list metrics` tells which are.",
            code="not-available",
        )


def _sentence(reason: str | None) -> str:
    """Write a reason as a sentence; one that begins with the name of a table keeps it as it is."""
    if not reason:
        return ""
    return f"{reason}." if "." in reason.split()[0] else f"{reason[:1].upper()}{reason[1:]}."


def _unreachable(vocabulary: Vocabulary, resolved: Resolved) -> DefinitionError | None:
    """Say which metric cannot be split by which dimension, when that is why there is no answer."""
    for metric in resolved.metrics:
        possible = vocabulary.dimensions([metric])
        for item in resolved.group_by:
            if item.name in vocabulary.definitions.dimensions and item.name not in possible:
                return DefinitionError(
                    f"metric {metric!r} cannot be split by {item.name!r}",
                    why="No key leads from its rows to that dimension.",
                    todo=f"Possible: {', '.join(possible) or 'metric_time'}.",
                    code="unreachable-dimension",
                )
    return None


def _order(vocabulary: Vocabulary, resolved: Resolved, text: str) -> str:
    """Name the output column to order by; `-` stands before a descending one."""
    sign, name = ("-", text[1:]) if text.startswith("-") else ("", text)
    if name in resolved.columns:
        return text
    with suppress(DefinitionError):
        return sign + _in(resolved, vocabulary.metric(name))
    with suppress(DefinitionError):
        return sign + _in(resolved, vocabulary.group_by(name, resolved.metrics).column)
    raise UsageError(
        f"the answer has no column {name!r} to order by",
        todo=f"It has {', '.join(resolved.columns)}.",
        code="unknown-order",
    )


def _in(resolved: Resolved, name: str) -> str:
    if name not in resolved.columns:
        raise DefinitionError(name)
    return name


def _sql(home: Home, source: Source, resolved: Resolved) -> str:
    """Write the SQL of a question; rows come in a fixed order even when none was asked for."""
    compiled = partial(compile_query, source.manifest, dialect="duckdb", cache=home.compiled)
    keys = [item.column for item in resolved.group_by]
    order = list(resolved.order)
    order += [key for key in keys if key not in {name.removeprefix("-") for name in order}]
    asked: dict[str, Any] = {
        "metrics": list(resolved.metrics),
        "group_by": keys,
        "where": list(resolved.where),
    }
    if resolved.comparison is None:
        asked |= {"order_by": order, "limit": resolved.limit}
        return compiled(_within(asked, resolved.period))
    now = compiled(_within(asked, resolved.period))
    before = compiled(_within(asked, resolved.comparison.before(resolved.period)))
    return compare_sql(
        resolved.comparison, resolved.metrics, keys, now, before, order=order, limit=resolved.limit
    )


def _within(asked: dict[str, Any], period: Period | None) -> dict[str, Any]:
    if period is None:
        return asked
    return {**asked, "time_constraint": [period.start.isoformat(), period.end.isoformat()]}


def _columns(definitions: Definitions, resolved: Resolved) -> tuple[AnswerColumn, ...]:
    labels = labels_of(definitions)
    columns = []
    for item in resolved.group_by:
        label = label_column(item.column, labels) or Label(item.column)
        columns.append(AnswerColumn(item.column, label, True, item.grain in _DATE_GRAINS))
    for name in resolved.columns[len(resolved.group_by) :]:
        columns.append(AnswerColumn(name, figure_label(name, labels), False, False))
    return tuple(columns)


def figure_label(name: str, labels: dict[str, Label]) -> Label:
    """Label a metric, or a comparison of one with its own other figure."""
    metric, _, suffix = name.rpartition("__")
    if name in labels or metric not in labels:
        return labels.get(name, Label(name))
    english, chinese = COMPARISONS[suffix]
    found = labels[metric]
    unit = _unit_of(suffix, found.unit)
    return Label(name, f"{found.label}, {english}", f"{found.label_zh}（{chinese}）", unit=unit)


def _unit_of(suffix: str, unit: str) -> str:
    """Give the unit of a comparison: two shares differ by percentage points, a rate of change is a share."""
    if suffix == "change_rate":
        return "ratio"
    return "percentage_points" if suffix == "change" and unit == "ratio" else unit


def _bad_condition(why: str) -> DefinitionError:
    return DefinitionError(
        "a condition cannot be understood",
        why=why,
        todo="Write `product__category = 'Bikes'`; `plumb list dimensions` names what there is.",
        code="bad-condition",
    )


def _whole_day(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value
