"""The answer to a question: its SQL, its columns, its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from plumbline.errors import DefinitionError
from plumbline.publication import Publication
from plumbline.publication.labels import Label
from plumbline.serving.compare import ordered_sql
from plumbline.serving.reader import Source

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa  # type: ignore[import-untyped]

    from plumbline.serving.doubts import Doubt

_TABLE = re.compile(r'"warehouse"\."(?:\w+)"\."(\w+)"')
Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Cut:
    """Rows from memory; `objects` gives them as JSON objects, by the names of their columns."""

    rows: Rows
    objects: Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class AnswerColumn:
    """One column of an answer: `is_key` for what it is split by, `is_date` where a time is a whole day.

    `is_mark` stands for the column that tells whether the period in the column that `is_marked` is counted in
    part only.
    """

    name: str
    label: Label
    is_key: bool
    is_date: bool
    is_marked: bool = False
    is_mark: bool = False


@dataclass(frozen=True)
class Statement:
    """The SQL of an answer: of its figures, and what they are ordered by and limited to."""

    figures: str
    order: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def sql(self) -> str:
        """The whole."""
        return self.figures + ordered_sql(self.order, self.limit)


class Answer:
    """The answer to a question; the rows are read, and the SQL is written, when they are asked for.

    `published_table` is the table that has the figures already, or of which rows are added up (`adds_up`), ''
    where they are calculated from the marts;
    `held` says why an earlier publication answers; `discreet`: errors tell no value.
    """

    def __init__(
        self,
        source: Source,
        statement: Callable[[], Statement],
        columns: tuple[AnswerColumn, ...],
        *,
        conditions: Sequence[str],
        discreet: bool = False,
        notes: Callable[[Rows, Sequence[date]], list[str]],
        verdict: Callable[[], str],
        plan: Callable[[], str],
        published_table: str = "",
        adds_up: bool = False,
        metrics: Sequence[str] = (),
        held: Doubt | None = None,
    ) -> None:
        self._source = source
        self._conditions = tuple(conditions)
        self._discreet = discreet
        self._notes = notes
        self._verdict = verdict
        self._plan = plan
        self._written = statement
        self.columns = columns
        self.published_table = published_table
        self.adds_up = adds_up
        self.metrics = tuple(metrics)
        self.held = held
        # What those who write answers keep of all that are like this one.
        self.texts: dict[str, str] = {}
        self._elsewhere: Callable[[], Cut | None] = lambda: None
        self._added_up: Callable[[], Rows | None] = lambda: None
        self._tables: Callable[[], tuple[str, ...]] = lambda: marts_in(self.sql)

    @cached_property
    def statement(self) -> Statement:
        """The SQL in its parts."""
        return self._written()

    @property
    def sql(self) -> str:
        """The SQL."""
        return self.statement.sql

    @property
    def writes(self) -> Callable[[], str]:
        """What writes the SQL, and holds no connection."""
        written = self._written
        return lambda: written().sql

    @property
    def plan(self) -> str:
        """Say how the figures come about: formulas, and the passes over rows that they rest on."""
        return self._plan()

    @property
    def publication(self) -> Publication | None:
        """The publication that answers; None for the private warehouse."""
        return self._source.publication

    @property
    def tables(self) -> tuple[str, ...]:
        """Name the tables that the SQL reads: marts, or the published table that has the figures."""
        return self._tables()

    def reading(self, cut: Callable[[], Cut | None]) -> Answer:
        """Read the rows from elsewhere; where they are not there (None), by the SQL."""
        self._elsewhere = cut
        return self

    def adding_up(self, rows: Callable[[], Rows | None], tables: Callable[[], tuple[str, ...]]) -> Answer:
        """Read the rows of sums that were made of the same `tables`; where there are none, by the SQL."""
        self._added_up = rows
        self._tables = tables
        return self

    @cached_property
    def cut(self) -> Cut | None:
        """The rows, where they are in memory."""
        return self._elsewhere()

    def rows(self) -> list[tuple[Any, ...]]:
        """Read the rows; money is Decimal, whole days are dates."""
        if self.cut is not None:
            return list(self.cut.rows)
        found = self._added_up()
        return self.rows_of(self.sql) if found is None else list(found)

    def rows_of(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the rows of SQL that gives these columns."""
        dates = [index for index, column in enumerate(self.columns) if column.is_date]
        with self._mending():
            rows = self._source.connection.execute(sql).fetchall()
        if not dates:
            return rows
        return [
            tuple(whole_day(value) if index in dates else value for index, value in enumerate(row))
            for row in rows
        ]

    def notes(self, rows: Rows) -> list[str]:
        """Say what a reader should know: cut periods, ranges without data, members that do not exist."""
        return self._notes(rows, self.partial(rows))

    @property
    def verdict(self) -> str:
        """The verdict on the figures: certified, certified_with_warnings, held, stale; '' if unpublished."""
        return self._verdict()

    def partial(self, rows: Rows) -> list[date]:
        """Give the first days of the periods that are counted in part only, in order."""
        found = [index for index, column in enumerate(self.columns) if column.is_marked or column.is_mark]
        if not found:
            return []
        time, mark = found
        return sorted({row[time] for row in rows if row[mark]})

    def types(self) -> dict[str, str]:
        """Give the type that DuckDB gives each column, reading nothing; whole days are DATE."""
        with self._mending():
            types = self._source.connection.sql(self.sql).types
        return {
            column.name: "DATE" if column.is_date else str(kind)
            for column, kind in zip(self.columns, types, strict=True)
        }

    def arrow(self, most: int | None = None) -> pa.Table:
        """Read the rows (at most so many) as an Arrow table; whole days are dates, counts are int64."""
        statement = self.statement
        if statement.limit is None and self._is_by_keys(statement.order):
            from plumbline.serving.ordering import in_order

            table = self._arrow_of(statement.figures, most)
            if table.num_rows != most and (ordered := in_order(table, statement.order)) is not None:
                return ordered
        return self._arrow_of(statement.sql, most)

    def _is_by_keys(self, order: Sequence[str]) -> bool:
        """Tell whether an order rests on what the answer is split by alone, where no two rows are alike."""
        keys = {column.name for column in self.columns if column.is_key}
        return keys == {name.removeprefix("-") for name in order}

    def _arrow_of(self, sql: str, most: int | None) -> pa.Table:
        import pyarrow as pa

        with self._mending():
            found = self._source.connection.sql(sql)
            table = (found if most is None else found.limit(most)).to_arrow_table()
        for index, column in enumerate(table.schema):
            if column.type == pa.decimal128(38, 0):
                # What DuckDB adds up from integers is a HUGEINT, which Arrow knows as a decimal only.
                table = table.set_column(index, column.name, table.column(index).cast(pa.int64()))
        return with_dates(table, {column.name for column in self.columns if column.is_date})

    @contextmanager
    def _mending(self) -> Iterator[None]:
        """Run the SQL only when it is one SELECT; blame the condition, where there is one, for what fails."""
        import duckdb

        if not self._conditions:
            # Without words of the reader's own the SQL is the compiler's, from known names.
            yield
            return
        try:
            statements = self._source.connection.extract_statements(self.sql)
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                raise _bad_condition(self._conditions, "It is more than a comparison of values.")
            yield
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise _bad_condition(self._conditions, self._told(error)) from None

    def _told(self, error: duckdb.Error) -> str:
        """Say why a condition fails; to a role without the value that it failed on."""
        import duckdb

        if self._discreet and not isinstance(error, duckdb.BinderException):
            return "A value cannot be compared in this way."
        return str(error).splitlines()[0]


def marts_in(sql: str) -> tuple[str, ...]:
    """Name the tables of a generation that SQL reads."""
    return tuple(dict.fromkeys(_TABLE.findall(sql)))


def _bad_condition(conditions: Sequence[str], why: str) -> DefinitionError:
    named = " or ".join(map(repr, conditions))
    return DefinitionError(
        f"the condition {named} cannot be answered",
        why=why,
        todo="Compare text and days with a value in single quotes ('Bikes', '2026-01-31'), figures with a "
        "number.",
        code="bad-condition",
    )


def with_dates(table: pa.Table, days: Collection[str]) -> pa.Table:
    """Make dates of the moments in the columns `days`."""
    import pyarrow as pa

    for index, column in enumerate(table.schema):
        if column.name in days and pa.types.is_timestamp(column.type):
            table = table.set_column(index, column.name, table.column(index).cast(pa.date32()))
    return table


def whole_day(value: Any) -> Any:
    """Give the date of a moment that stands for its day; anything else as it is."""
    return value.date() if isinstance(value, datetime) else value
