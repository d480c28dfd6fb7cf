"""WHERE as the range and the conditions of a question; what cannot be said exactly is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.definitions import METRIC_TIME
from plumbline.serving.periods import first_day, last_day
from plumbline.serving.sql.constants import (
    PENDING,
    Parameters,
    Pending,
    as_bool,
    as_moment,
    as_number,
    as_text,
    evaluate,
)
from plumbline.serving.sql.grouping import Period, columns_in, read_period
from plumbline.serving.sql.names import Names, Split
from plumbline.serving.sql.refusal import GROUPING, SqlRefusal

if TYPE_CHECKING:
    from sqlglot import exp

_FLIPPED = {"GT": "LT", "GTE": "LTE", "LT": "GT", "LTE": "GTE", "EQ": "EQ", "NEQ": "NEQ"}
_SIGNS = {"EQ": "=", "NEQ": "<>", "GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}
_BEFORE, _AFTER = date(1000, 1, 1), date(9998, 12, 31)
_NEVER = "(1 = 0)"
# Under NOT it matters that NULL is not FALSE.
_CONSTANT = {True: "(1 = 1)", False: _NEVER, None: "(1 = NULL)"}
_SIGNS_OF_TEMPLATES = ("{{", "__reference_")


@dataclass
class Conditions:
    """What a WHERE says: the days from `start` to `end`, and conditions on dimensions.

    `is_never`: no row meets it.
    """

    start: date | None = None
    end: date | None = None
    where: list[str] = field(default_factory=list)
    is_never: bool = False

    def narrow(self, start: date | None, end: date | None) -> None:
        """Take only days from `start` to `end`, both included."""
        self.start = max(filter(None, (self.start, start)), default=None)
        self.end = min(filter(None, (self.end, end)), default=None)
        self.is_never |= bool(self.start and self.end and self.start > self.end)


@dataclass(frozen=True)
class Reader:
    """Reads the conditions of one SELECT; `kind_of` tells what a dimension's members are in PostgreSQL."""

    names: Names
    metrics: Sequence[str]
    given: Parameters
    kind_of: Callable[[str], str]

    def read(self, condition: exp.Expr | None) -> Conditions:
        """Read a whole condition."""
        found = Conditions()
        for part in _conjuncts(condition) if condition is not None else ():
            self._read(part, found)
        return found

    def _read(self, part: exp.Expr, found: Conditions) -> None:
        if not _has_column(part):
            found.is_never |= not self._is_true(part)
        elif not self._range(part, found):
            found.where.append(self._written(part))

    def _is_true(self, part: exp.Expr) -> bool | None:
        """Tell whether a condition without columns holds: TRUE, 1 = 1, 1 = 0; None where that is NULL."""
        from sqlglot import exp

        if isinstance(part, exp.EQ | exp.NEQ):
            left, right = evaluate(part.this, self.given), evaluate(part.expression, self.given)
            if isinstance(left, Pending) or isinstance(right, Pending):
                return True
            if left is None or right is None:
                return None
            return (left == right) is isinstance(part, exp.EQ)
        value = as_bool(evaluate(part, self.given))
        return True if isinstance(value, Pending) else value

    # -- ranges of the time of the metrics

    def _range(self, part: exp.Expr, found: Conditions) -> bool:
        """Narrow the range where the condition is one; False where it is another."""
        from sqlglot import exp

        if isinstance(part, exp.Between):
            period = self._metric_time(part.this)
            if period is None or part.args.get("symmetric"):
                return False
            self._compare(period, "GTE", part.args["low"], found)
            self._compare(period, "LTE", part.args["high"], found)
            return True
        if isinstance(part, exp.In):
            return self._in_years(part, found)
        name = type(part).__name__
        if name not in _FLIPPED or name == "NEQ":
            return False
        period = self._metric_time(part.this)
        if period is not None and not _has_column(part.expression):
            self._compare(period, name, part.expression, found)
            return True
        period = self._metric_time(part.expression)
        if period is not None and not _has_column(part.this):
            self._compare(period, _FLIPPED[name], part.this, found)
            return True
        return False

    def _in_years(self, part: exp.In, found: Conditions) -> bool:
        """Narrow to years that follow one another; False where the years are others."""
        period = self._metric_time(part.this)
        if period is None or not period.parts or not part.expressions:
            return False
        values = [as_number(evaluate(value, self.given)) for value in part.expressions]
        years = sorted({int(value) for value in values if isinstance(value, Decimal) and not value % 1})
        if len(years) < len(values) or years[-1] - years[0] >= len(years):
            return False
        found.narrow(*_years("GTE", years[0]))
        found.narrow(*_years("LTE", years[-1]))
        return True

    def _metric_time(self, node: exp.Expr) -> Period | None:
        period = self._period(node)
        if period is None or period.split.item.name != METRIC_TIME or period.parts - {"year"}:
            return None
        return None if _writes_text(node) else period

    def _period(self, node: exp.Expr) -> Period | None:
        for column in columns_in(node):
            if self.names.is_metric(column):
                raise _figure_in_where(column)
        try:
            return read_period(node, self.names, self.metrics)
        except SqlRefusal:
            return None

    def _compare(self, period: Period, sign: str, node: exp.Expr, found: Conditions) -> None:
        value = evaluate(node, self.given)
        if isinstance(value, Pending):
            return
        if value is None:
            found.is_never = True
        elif period.parts:
            found.narrow(*_years(sign, as_number(value)))
        else:
            moment = as_moment(value, self.given)
            assert isinstance(moment, datetime)
            found.narrow(*days(sign, moment, period.grain))

    # -- everything else, as a condition of the one query door

    def _written(self, node: exp.Expr) -> str:
        """Write a condition in the words of the definitions; raises SqlRefusal where it cannot be."""
        from sqlglot import exp

        if isinstance(node, exp.And | exp.Or):
            sign = "AND" if isinstance(node, exp.And) else "OR"
            return f"({self._written(node.this)} {sign} {self._written(node.expression)})"
        if isinstance(node, exp.Not):
            return f"(NOT {self._written(node.this)})"
        if isinstance(node, exp.Paren):
            return self._written(node.this)
        if not _has_column(node):
            return _CONSTANT[self._is_true(node)]
        writer = _WRITERS.get(type(node).__name__)
        if writer is None:
            raise _too_much(node)
        return writer(self, node)

    def member(self, node: exp.Expr) -> tuple[str, str]:
        """Write a dimension, or a time at a grain, as a template; gives its kind beside it."""
        from sqlglot import exp

        column = node.unnest() if isinstance(node, exp.Paren) else node
        if isinstance(column, exp.Column) and self.names.is_metric(column):
            raise _figure_in_where(column)
        period = read_period(node, self.names, self.metrics)
        if period is not None:
            if period.parts:
                return self._part(node, period)
            if _writes_text(node):
                raise _too_much(node)
            return self._time(period), f"time {period.grain}"
        if not isinstance(column, exp.Column):
            raise _too_much(node)
        split = self.names.split(column, self.metrics)
        return self._template(split), self.kind_of(split.item.column)

    def _part(self, node: exp.Expr, period: Period) -> tuple[str, str]:
        """Write a part of a time, such as its month or its day of the week."""
        from sqlglot import exp

        if len(period.parts) > 1 or node.find(exp.TimeToStr):
            raise _too_much(node)
        (part,) = period.parts
        return f"EXTRACT({part.upper()} FROM {self._time(period)})", "number"

    def _template(self, split: Split) -> str:
        kind = "Entity" if self.names.is_entity(split) else "Dimension"
        return f"{{{{ {kind}('{split.item.column}') }}}}"

    def _time(self, period: Period) -> str:
        item = period.split.item
        shifted = [name for name in self.metrics if self.names.looks_elsewhere(name)]
        if item.name == METRIC_TIME and shifted:
            raise SqlRefusal(
                f"{shifted[0]} rests on other days than its period's: it cannot be limited so",
                todo="Limit it by a range: WHERE metric_time >= '2026-01-01' AND metric_time < '2026-02-01'.",
            )
        return f"{{{{ TimeDimension('{item.name}', '{period.grain}') }}}}"

    def value(self, node: exp.Expr, kind: str, *, is_order: bool = False) -> str:
        """Write a value that members of a kind are compared with."""
        return written(self.plain_value(node, kind, is_order=is_order))

    def plain_value(self, node: exp.Expr, kind: str, *, is_order: bool = False) -> Any:
        """Read a value that members of a kind are compared with."""
        return _of_kind(evaluate(node, self.given), kind, self.given, node, is_order)


def days(sign: str, moment: datetime, grain: str) -> tuple[date | None, date | None]:
    """Give the first and the last day on which a time cut off at a grain compares so with a moment."""
    day = min(max(moment.date(), _BEFORE), _AFTER)
    start = first_day(day, grain)
    exact = datetime.combine(start, datetime.min.time()) == moment
    after = last_day(start, grain) + timedelta(days=1)
    reached = start if exact else after
    if sign == "EQ":
        return (start, after - timedelta(days=1)) if exact else (_AFTER, _BEFORE)
    if sign == "GTE":
        return reached, None
    if sign == "GT":
        return after, None
    return None, (reached if sign == "LT" else after) - timedelta(days=1)


def _years(sign: str, number: Any) -> tuple[date | None, date | None]:
    """Give the days of the years that compare so with a number."""
    whole = int(number // 1)
    if sign == "EQ" and number != whole:
        return _AFTER, _BEFORE
    year = min(max(whole, _BEFORE.year), _AFTER.year)
    moment = datetime(year, 1, 1) if number == whole else datetime(year, 7, 1)
    return days(sign, moment, "year")


def written(value: Any) -> str:
    """Write a value as SQL; what templates are made of stands apart."""
    if value is None or isinstance(value, Pending):
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S.%f}'"
    quoted = "'" + str(value).replace("'", "''") + "'"
    for sign in _SIGNS_OF_TEMPLATES:
        quoted = quoted.replace(sign, f"{sign[:1]}' || '{sign[1:]}")
    return f"({quoted})" if "' || '" in quoted else quoted


def _of_kind(value: Any, kind: str, given: Parameters, node: exp.Expr, is_order: bool) -> Any:
    if kind.startswith("time"):
        return as_moment(value, given)
    if kind == "boolean":
        return as_bool(value)
    if kind == "text":
        if is_order:
            raise SqlRefusal(
                f"texts are not compared by their order here: {(node.parent or node).sql('postgres')}",
                why="Which text comes first depends on the collation of a database.",
                todo="Name the members: dimension IN ('…', '…'), or use LIKE.",
            )
        return as_text(value)
    return as_number(value)


# -- one writer for each kind of condition


def _compared(reader: Reader, node: exp.Expr) -> str:
    name = type(node).__name__
    left, right = node.this, node.args["expression"]
    if type(left).__name__ == type(right).__name__ == "Tuple" and name in ("EQ", "NEQ"):
        same = _tuple(reader, left, right, node)
        return same if name == "EQ" else f"(NOT {same})"
    if _has_column(right) and not _has_column(left):
        left, right, name = right, left, _FLIPPED[name]
    if _has_column(right):
        raise _too_much(node)
    if quantifier := _quantifier(right):
        return _any(reader, left, right, f"{name} {quantifier}", node)
    member, kind = reader.member(left)
    return f"({member} {_SIGNS[name]} {reader.value(right, kind, is_order=name not in ('EQ', 'NEQ'))})"


def _quantifier(node: exp.Expr) -> str:
    """Name what stands before an array: ANY (or SOME) or ALL; '' where none does."""
    from sqlglot import exp

    name = node.name if isinstance(node, exp.Anonymous) else type(node).__name__
    found = {"SOME": "ANY"}.get(name.upper(), name.upper())
    return found if found in ("ANY", "ALL") else ""


def _any(reader: Reader, left: exp.Expr, right: exp.Expr, name: str, node: exp.Expr) -> str:
    """Write `= ANY (array)` and `<> ALL (array)`."""
    if name not in ("EQ ANY", "NEQ ALL"):
        raise _too_much(node)
    is_in = name == "EQ ANY"
    values = evaluate(right.expressions[0] if right.expressions else right.this, reader.given)
    if isinstance(values, str):
        from plumbline.serving.sql.constants import decode

        values = decode(values.encode(), False, 1009, "utf-8")
    member, kind = reader.member(left)
    if isinstance(values, Pending):
        values = [PENDING]
    if values is None:
        return f"({member} = NULL)"
    if not values:
        return _NEVER if is_in else "(1 = 1)"
    texts = ", ".join(written(_of_kind(value, kind, reader.given, node, False)) for value in values)
    return f"({member} {'IN' if is_in else 'NOT IN'} ({texts}))"


def _between(reader: Reader, node: exp.Expr) -> str:
    if node.args.get("symmetric"):
        raise _too_much(node)
    member, kind = reader.member(node.this)
    low, high = (reader.value(node.args[side], kind, is_order=True) for side in ("low", "high"))
    return f"({member} >= {low} AND {member} <= {high})"


def _in(reader: Reader, node: exp.Expr) -> str:
    if node.args.get("query") or node.args.get("unnest") or node.args.get("field"):
        raise _too_much(node)
    if type(node.this).__name__ == "Tuple":
        return f"({' OR '.join(_tuple(reader, node.this, value, node) for value in node.expressions)})"
    member, kind = reader.member(node.this)
    texts = ", ".join(reader.value(value, kind) for value in node.expressions)
    return f"({member} IN ({texts}))"


def _tuple(reader: Reader, left: exp.Expr, right: exp.Expr, node: exp.Expr) -> str:
    """Write `(one, other) = ('a', 'b')`."""
    if type(right).__name__ != "Tuple" or len(left.expressions) != len(right.expressions):
        raise _too_much(node)
    members = [reader.member(part) for part in left.expressions]
    pairs = zip(members, right.expressions, strict=True)
    same = (f"{member} = {reader.value(value, kind)}" for (member, kind), value in pairs)
    return f"({' AND '.join(same)})"


def _like(reader: Reader, node: exp.Expr) -> str:
    escape = node.expression if type(node).__name__ == "Escape" else None
    like = node.this if escape is not None else node
    member, kind = reader.member(like.this)
    pattern = as_text(evaluate(like.expression, reader.given))
    if kind != "text" or type(like).__name__ not in ("Like", "ILike"):
        raise _too_much(node)
    sign = (
        f"{'NOT ' if like.args.get('negate') else ''}{'LIKE' if type(like).__name__ == 'Like' else 'ILIKE'}"
    )
    # PostgreSQL takes a backslash for the sign that escapes, where none is named; DuckDB takes none.
    mark = as_text(evaluate(escape, reader.given)) if escape is not None else "\\"
    if not isinstance(pattern, str) or not isinstance(mark, str):
        return f"({member} {sign} NULL)"
    escaped = f" ESCAPE {written(mark)}" if mark and mark in pattern else ""
    unfinished = (len(pattern) - len(pattern.rstrip(mark))) % 2 if escaped else 0
    if len(mark) > 1 or unfinished:
        raise SqlRefusal("LIKE pattern must not end with escape character", sqlstate="22025")
    return f"({member} {sign} {written(pattern)}{escaped})"


def _is(reader: Reader, node: exp.Expr) -> str:
    member, kind = reader.member(node.this)
    negated = "NOT " if node.args.get("negate") else ""
    if type(node.expression).__name__ == "Null":
        return f"({member} IS {negated}NULL)"
    if type(node.expression).__name__ == "Boolean" and kind == "boolean":
        return f"({negated}(COALESCE({member} = {written(bool(node.expression.this))}, FALSE)))"
    raise _too_much(node)


def _distinct(reader: Reader, node: exp.Expr) -> str:
    member, kind = reader.member(node.this)
    value = reader.plain_value(node.expression, kind)
    same = type(node).__name__ == "NullSafeEQ"
    if value is None:
        return f"({member} IS {'' if same else 'NOT '}NULL)"
    compared = f"COALESCE({member} = {written(value)}, FALSE)"
    return f"({compared})" if same else f"(NOT {compared})"


def _flag(reader: Reader, node: exp.Expr) -> str:
    member, kind = reader.member(node)
    if kind != "boolean":
        raise _too_much(node)
    return f"({member} = TRUE)"


_WRITERS: dict[str, Callable[[Reader, Any], str]] = {
    **dict.fromkeys(_SIGNS, _compared),
    "Between": _between,
    "In": _in,
    "Like": _like,
    "ILike": _like,
    "Escape": _like,
    "Is": _is,
    "NullSafeEQ": _distinct,
    "NullSafeNEQ": _distinct,
    "Column": _flag,
}


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    node = node.unnest() if isinstance(node, exp.Paren) else node
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _has_column(node: exp.Expr) -> bool:
    from sqlglot import exp

    return node.find(exp.Column, exp.Subquery, exp.Select) is not None


def _writes_text(node: exp.Expr) -> bool:
    """Tell whether an expression makes a text of a time: its order is another."""
    from sqlglot import exp

    casts = (part for part in node.find_all(exp.Cast) if part.args["to"].this.name in ("TEXT", "VARCHAR"))
    return node.find(exp.TimeToStr) is not None or next(casts, None) is not None


def _too_much(node: exp.Expr) -> SqlRefusal:
    return SqlRefusal(
        f"the condition {node.sql('postgres')} cannot be applied before figures are computed",
        why="A WHERE compares dimensions and metric_time with values: "
        "=, <>, <, IN, BETWEEN, LIKE, ILIKE, IS NULL.",
        todo="Write it so, or put the question into a sub-query and filter its rows: "
        "SELECT * FROM (SELECT … FROM metrics GROUP BY …) AS figures WHERE ….",
    )


def _figure_in_where(column: exp.Column) -> SqlRefusal:
    return SqlRefusal(
        f"the metric {column.name!r} cannot stand in WHERE",
        sqlstate=GROUPING,
        why="WHERE chooses what is counted, before there are figures.",
        todo=f"HAVING MEASURE({column.name}) > 0 chooses rows by their figures.",
    )
