"""The rules that suites are written in: what must be true of a table, in words, as an expectation, as SQL.

A rule that a core expectation of Great Expectations can express names that one. Conditions over a row, and
the evidence of `evidence.py`, are judged by our own expectations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, ClassVar

from sqlglot import exp

from plumbline.counting import counted
from plumbline.quality.context import StageContext
from plumbline.quality.sql import bind, column, condition_in, literal, table

COMPLETENESS = "completeness"
ACCURACY = "accuracy"
CONSISTENCY = "consistency"
VALIDITY = "validity"
TIMELINESS = "timeliness"
UNIQUENESS = "uniqueness"
# The batch that stands for the rows of a query, where others are named by their table.
EVIDENCE = "evidence"
DIMENSIONS = (COMPLETENESS, ACCURACY, CONSISTENCY, VALIDITY, TIMELINESS, UNIQUENESS)


@dataclass(frozen=True)
class Call:
    """One expectation of Great Expectations: its class, and what it is given."""

    expectation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One expectation to be judged, on a table or on collected evidence."""

    number: int
    batch: str
    call: Call


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What must be true of one table; `mostly` is the share of judged rows that must hold.

    `vacuous` says why nothing is judged where no row has a value; `whole` means that the table is judged as
    a whole, and `about_age` that the rule is about how old the newest data are.
    """

    dimension: ClassVar[str] = VALIDITY
    vacuous: ClassVar[str] = "every value is empty"
    whole: ClassVar[bool] = False
    about_age: ClassVar[bool] = False
    mostly: float = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns that the rule is about."""
        return ()

    @property
    def tables(self) -> tuple[str, ...]:
        """Name the other tables that the rule reads."""
        return ()

    def touches(self, relation: str) -> tuple[tuple[str, str], ...]:
        """Name what is in doubt when the rule is broken: tables and columns, '' for which rows there are."""
        return tuple((relation, name) for name in self.columns) or ((relation, ""),)

    def words(self, context: StageContext) -> str:
        """Say the rule as a sentence."""
        raise NotImplementedError

    def skip(self, relation: str, context: StageContext) -> str:
        """Say why the rule cannot be judged in this run, or nothing."""
        return ""

    def call(self, relation: str, context: StageContext) -> Call:
        """Name the expectation that judges the rule."""
        raise NotImplementedError

    def broken(self, relation: str, context: StageContext) -> exp.Expr | None:
        """Give the condition that picks the rows which break the rule."""
        return None

    def nearly(self) -> str:
        """Say how many of the rows must hold, when it is not all of them."""
        return "" if self.mostly == 1 else f" for at least {self.mostly * 100:g} % of rows"

    def _mostly(self) -> dict[str, Any]:
        return {} if self.mostly == 1 else {"mostly": self.mostly}


@dataclass(frozen=True)
class NeverEmpty(Rule):
    """A column is never NULL."""

    dimension: ClassVar[str] = COMPLETENESS
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def words(self, context: StageContext) -> str:
        return f"{self.column} is never empty{self.nearly()}"

    def call(self, relation: str, context: StageContext) -> Call:
        return Call("ExpectColumnValuesToNotBeNull", {"column": self.column, **self._mostly()})

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        return column(self.column).is_(exp.null())


@dataclass(frozen=True)
class Unique(Rule):
    """No two rows share a value, or a combination of values.

    An empty value of one column is none; an empty part of a combination is a value like others.
    """

    # The core expectation joins a table to the counts of its values, which takes several times as long as
    # counting them.
    dimension: ClassVar[str] = UNIQUENESS
    key: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.key

    def touches(self, relation: str) -> tuple[tuple[str, str], ...]:
        return ((relation, ""), *((relation, name) for name in self.key))

    def words(self, context: StageContext) -> str:
        together = "" if len(self.key) == 1 else " together"
        return f"{' and '.join(self.key)} {'is' if not together else 'are'} unique{together}"

    def call(self, relation: str, context: StageContext) -> Call:
        return Call("ExpectKeyToBeUnique", {"key": list(self.key)})

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        columns = [column(name) for name in self.key]
        repeated = exp.select(*columns).from_(table(relation)).group_by(*columns).having("count(*) > 1")
        if len(columns) == 1:
            return exp.In(this=columns[0], query=repeated.subquery())
        # A combination with an empty part is equal to no other, as far as IN goes.
        texts = [exp.func("coalesce", exp.cast(each, "text"), literal("")) for each in columns]
        key = exp.Tuple(expressions=texts)
        keys = exp.select(*texts).from_(table(relation)).group_by(*texts).having("count(*) > 1")
        return exp.In(this=key, query=keys.subquery())


@dataclass(frozen=True)
class Between(Rule):
    """A value lies between two bounds, both included; either may be open."""

    column: str
    low: Any = None
    high: Any = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError(f"{self.column} is to lie between two bounds, and none is given")

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def words(self, context: StageContext) -> str:
        if self.high is None:
            return f"{self.column} is at least {self.low}{self.nearly()}"
        if self.low is None:
            return f"{self.column} is at most {self.high}{self.nearly()}"
        return f"{self.column} lies between {self.low} and {self.high}{self.nearly()}"

    def call(self, relation: str, context: StageContext) -> Call:
        bounds = {"min_value": self.low, "max_value": self.high}
        given = {name: value for name, value in bounds.items() if value is not None}
        return Call("ExpectColumnValuesToBeBetween", {"column": self.column, **given, **self._mostly()})

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        value = column(self.column)
        below = [] if self.low is None else [value < literal(self.low)]
        above = [] if self.high is None else [value > literal(self.high)]
        return exp.or_(*below, *above)


@dataclass(frozen=True)
class NotInTheFuture(Rule):
    """A date, or a time, is not after the day that the run is as of."""

    dimension: ClassVar[str] = TIMELINESS
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def words(self, context: StageContext) -> str:
        return f"{self.column} is not after {context.as_of}{self.nearly()}"

    def call(self, relation: str, context: StageContext) -> Call:
        arguments = {"max_value": self._next_day(context), "strict_max": True, **self._mostly()}
        return Call("ExpectColumnValuesToBeBetween", {"column": self.column, **arguments})

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        return column(self.column) >= literal(self._next_day(context))

    def _next_day(self, context: StageContext) -> date:
        return context.as_of + timedelta(days=1)


@dataclass(frozen=True)
class OneOf(Rule):
    """A value is one of a list."""

    column: str
    values: tuple[Any, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def words(self, context: StageContext) -> str:
        return f"{self.column} is one of {', '.join(map(str, self.values))}{self.nearly()}"

    def call(self, relation: str, context: StageContext) -> Call:
        arguments = {"column": self.column, "value_set": list(self.values), **self._mostly()}
        return Call("ExpectColumnValuesToBeInSet", arguments)

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        return exp.not_(column(self.column).isin(*(literal(value) for value in self.values)))


@dataclass(frozen=True)
class Matches(Rule):
    """A text matches a regular expression."""

    column: str
    pattern: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def words(self, context: StageContext) -> str:
        return f"{self.column} matches {self.pattern}{self.nearly()}"

    def call(self, relation: str, context: StageContext) -> Call:
        arguments = {"column": self.column, "regex": self.pattern, **self._mostly()}
        return Call("ExpectColumnValuesToMatchRegex", arguments)

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        return exp.not_(exp.RegexpLike(this=column(self.column), expression=literal(self.pattern)))


@dataclass(frozen=True)
class NotBefore(Rule):
    """One column is never less than another, where both have a value."""

    # The core expectation on pairs of columns reads the table once more for each pair; ours shares the scan.
    dimension: ClassVar[str] = CONSISTENCY
    column: str
    other: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, self.other)

    def words(self, context: StageContext) -> str:
        return f"{self.column} is not before {self.other}{self.nearly()}"

    def call(self, relation: str, context: StageContext) -> Call:
        condition = column(self.column) >= column(self.other)
        arguments = {"condition": condition.sql(dialect="duckdb"), "mostly": self.mostly}
        return Call("ExpectRowsToSatisfy", arguments)

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        return column(self.column) < column(self.other)


@dataclass(frozen=True)
class HasRows(Rule):
    """The table has at least (and at most) so many rows."""

    whole: ClassVar[bool] = True
    dimension: ClassVar[str] = COMPLETENESS
    minimum: int = 1
    maximum: int | None = None

    def words(self, context: StageContext) -> str:
        most = "" if self.maximum is None else f" and at most {self.maximum:,}"
        return f"has at least {counted(self.minimum, 'row')}{most}"

    def call(self, relation: str, context: StageContext) -> Call:
        limits = {"min_value": self.minimum, "max_value": self.maximum}
        given = {name: value for name, value in limits.items() if value is not None}
        return Call("ExpectTableRowCountToBeBetween", given)


@dataclass(frozen=True)
class HasColumns(Rule):
    """The table has these columns; it may have more."""

    whole: ClassVar[bool] = True
    dimension: ClassVar[str] = CONSISTENCY
    names: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.names

    def words(self, context: StageContext) -> str:
        return f"has the columns {', '.join(self.names)}"

    def call(self, relation: str, context: StageContext) -> Call:
        arguments = {"column_set": list(self.names), "exact_match": False}
        return Call("ExpectTableColumnsToMatchSet", arguments)


@dataclass(frozen=True)
class Fresh(Rule):
    """The newest date of the table is near enough to the day that the run is as of.

    `limit` names which of the ages agreed for the source counts: 'warn' or 'error'.
    """

    whole: ClassVar[bool] = True
    about_age: ClassVar[bool] = True
    dimension: ClassVar[str] = TIMELINESS
    column: str
    source: str
    limit: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def touches(self, relation: str) -> tuple[tuple[str, str], ...]:
        return ((relation, ""),)

    def words(self, context: StageContext) -> str:
        days = self._days(context)
        if days is None:
            return f"the newest {self.column} is as recent as agreed"
        return f"the newest {self.column} is at most {days} days before {context.as_of}"

    def skip(self, relation: str, context: StageContext) -> str:
        return "" if self._days(context) is not None else f"no freshness is agreed for {self.source}"

    def call(self, relation: str, context: StageContext) -> Call:
        oldest = context.as_of - timedelta(days=self._days(context) or 0)
        return Call("ExpectColumnMaxToBeBetween", {"column": self.column, "min_value": oldest})

    def _days(self, context: StageContext) -> int | None:
        agreed = context.agreed_freshness(self.source)
        return None if agreed is None else getattr(agreed, f"{self.limit}_after_days")


@dataclass(frozen=True)
class Holds(Rule):
    """A condition over one row is never false; where it is NULL (a part is missing) the row is not judged."""

    dimension: ClassVar[str] = CONSISTENCY
    condition: str
    says: str = ""

    def __post_init__(self) -> None:
        condition_in(self.condition)

    @property
    def columns(self) -> tuple[str, ...]:
        found = condition_in(self.condition).find_all(exp.Column)
        return tuple(dict.fromkeys(column.name for column in found))

    def words(self, context: StageContext) -> str:
        return f"{self.says or self.condition}{self.nearly()}"

    def call(self, relation: str, context: StageContext) -> Call:
        return Call("ExpectRowsToSatisfy", {"condition": self._sql(context), "mostly": self.mostly})

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        return exp.not_(condition_in(self._sql(context)))

    def _sql(self, context: StageContext) -> str:
        return bind(condition_in(self.condition), {"as_of": context.as_of}).sql(dialect="duckdb")


def never_empty(*columns: str, mostly: float = 1.0) -> tuple[Rule, ...]:
    """Each of the columns always has a value (in at least the share `mostly` of the rows)."""
    return tuple(NeverEmpty(column, mostly=mostly) for column in columns)


def unique(*columns: str) -> Rule:
    """No two rows have the same value; of several columns: the same combination."""
    return Unique(columns)


def between(column: str, low: Any = None, high: Any = None, *, mostly: float = 1.0) -> Rule:
    """Every value lies between `low` and `high`, both included; leave one out for an open end."""
    return Between(column, low, high, mostly=mostly)


def one_of(column: str, *values: Any, mostly: float = 1.0) -> Rule:
    """Every value is one of these."""
    return OneOf(column, values, mostly=mostly)


def matches(column: str, pattern: str, *, mostly: float = 1.0) -> Rule:
    """Every text matches the regular expression."""
    return Matches(column, pattern, mostly=mostly)


def not_before(column: str, other: str, *, mostly: float = 1.0) -> Rule:
    """`column` is never before (less than) `other`, where both have a value."""
    return NotBefore(column, other, mostly=mostly)


def not_in_the_future(column: str, *, mostly: float = 1.0) -> Rule:
    """No date is after the day that the run is as of."""
    return NotInTheFuture(column, mostly=mostly)


def has_rows(minimum: int = 1, maximum: int | None = None) -> Rule:
    """The table has at least `minimum` rows, and at most `maximum`."""
    return HasRows(minimum, maximum)


def has_columns(*names: str) -> Rule:
    """The table has all of these columns."""
    return HasColumns(names)


def holds(condition: str, says: str = "", *, mostly: float = 1.0) -> Rule:
    """A SQL condition over the columns of one row is never false; `says` puts it in words."""
    return Holds(condition, says, mostly=mostly)


def fresh(column: str, source: str) -> Rule:
    """The newest date is younger than the age at which the source is to be warned of."""
    return Fresh(column, source, "warn")


def not_stale(column: str, source: str) -> Rule:
    """The newest date is younger than the age at which the source counts as stopped."""
    return Fresh(column, source, "error")
