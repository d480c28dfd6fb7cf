"""Small pieces of SQL as syntax trees, the same for every dialect."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache

import sqlglot
from sqlglot import exp

from plumbline.compiler.dialects import divided_safely
from plumbline.compiler.plan import Shift
from plumbline.compiler.templates import Reference, Template, placeholder
from plumbline.definitions import parse_group_by
from plumbline.errors import DefinitionError

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_NO_VALUE = (exp.Alias, exp.Command, exp.DDL, exp.DML, exp.Drop, exp.Set, exp.Transaction)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?")
# What reaches beyond the columns that a filter names, or does not belong to one row.
_NO_COMPARISON = (
    *(exp.Query, exp.UDTF, exp.Block, exp.Command, exp.Star, exp.Columns, exp.PositionalColumn, exp.Dot),
    *(exp.AggFunc, exp.Window, exp.Placeholder, exp.Parameter, exp.Alias, exp.PropertyEQ),
)
# What a filter may call: nothing that reads files, asks the server or waits.
_CALLED = (
    *(
        exp.Connector,
        exp.Case,
        exp.If,
        exp.Cast,
        exp.TryCast,
        exp.Coalesce,
        exp.Nullif,
        exp.Greatest,
        exp.Least,
    ),
    *(exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sign, exp.Sqrt, exp.Pow, exp.Ln, exp.Exp),
    *(
        exp.Lower,
        exp.Upper,
        exp.Trim,
        exp.Length,
        exp.Substring,
        exp.Left,
        exp.Right,
        exp.Concat,
        exp.Replace,
    ),
    *(
        exp.StartsWith,
        exp.EndsWith,
        exp.Contains,
        exp.StrPosition,
        exp.RegexpLike,
        exp.SplitPart,
        exp.Reverse,
    ),
    *(exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.Extract, exp.DateTrunc, exp.TimestampTrunc),
    *(exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfMonth),
    *(exp.DayOfYear, exp.LastDay, exp.Date, exp.DateAdd, exp.DateSub, exp.DateDiff, exp.TsOrDsToDate),
    *(exp.TimestampAdd, exp.TimestampSub, exp.TimestampDiff, exp.TsOrDsAdd, exp.StrToDate, exp.StrToTime),
    *(exp.TimeToStr, exp.Timestamp, exp.TsOrDsDiff, exp.Array, exp.ArrayContains, exp.Interval),
)
# Words that are values, and no columns.
_VALUES = {
    *("true", "false", "null", "current_date", "current_time", "current_timestamp", "current_user"),
    *("localtime", "localtimestamp"),
}
_COMPARING = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Like, exp.ILike)
# A year, a month or a quarter alone.
_PERIOD = re.compile(r"\d{1,4}([-/]\d{1,2}|-?q\d)?")
_MOMENTS = ("now", "today", "yesterday", "tomorrow", "epoch", "infinity", "-infinity")
_PLACEHOLDER = re.compile(r"__reference_(\d+)__")


_JOINS: Mapping[str, Mapping[str, str]] = {
    "inner": {"kind": "INNER"},
    "left": {"side": "LEFT"},
    "full outer": {"side": "FULL", "kind": "OUTER"},
    "cross": {"kind": "CROSS"},
    "asof": {"method": "ASOF"},
}


@lru_cache(maxsize=4096)
def _relation(name: str) -> exp.Table:
    try:
        return exp.to_table(name, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, IndexError):
        todo = "Let dbt write it: schema and name."
        raise DefinitionError(f"{name!r} names no relation", todo=todo, code="bad-sql") from None


def stored(name: str, alias: str = "") -> exp.Table:
    """Name a stored relation, as definitions write it."""
    table = _relation(name).copy()
    if alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    return table


def common(source: str | exp.Expr) -> exp.Expr:
    """Name a common table; without parsing its name, which takes longer than all else."""
    return exp.Table(this=exp.to_identifier(source)) if isinstance(source, str) else source


def selected(values: Sequence[exp.Expr], names: Sequence[str], source: str | exp.Expr) -> exp.Select:
    """Select values under their names from a table."""
    return exp.select(*named(values, names), copy=False).from_(common(source), copy=False)


def with_join(select: exp.Select, source: str | exp.Expr, on: exp.Expr | None, kind: str) -> exp.Select:
    """Join one more table; changes the statement."""
    select.append("joins", exp.Join(this=common(source), on=on, **_JOINS[kind]))
    return select


def column(name: str, table: str = "") -> exp.Expr:
    """Name a column, quoted."""
    of = exp.to_identifier(table, quoted=True) if table else None
    return exp.Column(this=exp.to_identifier(name, quoted=True), table=of)


def named(values: Sequence[exp.Expr], names: Sequence[str]) -> list[exp.Expr]:
    """Give values their names, pair by pair."""
    return [
        exp.Alias(this=value, alias=exp.to_identifier(name, quoted=True))
        for value, name in zip(values, names, strict=True)
    ]


def divided(above: exp.Expr, below: exp.Expr) -> exp.Expr:
    """Divide as floating point; nothing below gives no value."""
    not_zero = exp.Nullif(this=below, expression=exp.Literal.number(0))
    return exp.Div(this=exp.cast(above, "DOUBLE"), expression=exp.cast(not_zero, "DOUBLE"))


def truncated(value: exp.Expr, grain: str) -> exp.Expr:
    """Give the first moment of the period that a moment lies in."""
    kind = exp.DateTrunc if isinstance(value, exp.Cast) and value.is_type("DATE") else exp.TimestampTrunc
    return kind(this=value, unit=exp.var(grain.upper()))


def earlier(value: exp.Expr, count: int, grain: str) -> exp.Expr:
    """Go back by a length of time."""
    return exp.Sub(this=value, expression=length(count, grain))


def later(value: exp.Expr, count: int, grain: str) -> exp.Expr:
    """Go forward by a length of time."""
    return exp.Add(this=value, expression=length(count, grain))


def length(count: int, grain: str) -> exp.Expr:
    """Write a length of time: every dialect has days and months."""
    unit, count = ("month", count * _MONTHS[grain]) if grain in _MONTHS else (grain, count)
    unit, count = ("day", count * 7) if unit == "week" else (unit, count)
    return exp.Interval(this=exp.Literal.string(str(count)), unit=exp.var(unit.upper()))


def shifted(value: exp.Expr, shifts: Sequence[Shift]) -> exp.Expr:
    """Give the moment that is looked at instead of one."""
    for shift in shifts:
        if shift.to_grain:
            value = truncated(value, shift.to_grain)
        elif shift.window:
            value = earlier(value, shift.window.count, shift.window.grain)
    return value


def moment(text: str) -> exp.Expr:
    """Write a moment as a literal: a date where it begins a day."""
    day, _, time = text.partition("T")
    if not time or time.startswith("00:00:00"):
        return exp.cast(exp.Literal.string(day), "DATE")
    return exp.cast(exp.Literal.string(f"{day} {time}"), "TIMESTAMP")


def both(parts: Sequence[exp.Expr]) -> exp.Expr:
    """Join conditions by AND; each keeps its own meaning."""
    return exp.and_(*parts, copy=False) if len(parts) > 1 else parts[0]


@lru_cache(maxsize=4096)
def _tree(text: str, dialect: str) -> exp.Expr:
    try:
        found = sqlglot.parse_one(text, dialect=dialect)
    except sqlglot.errors.SqlglotError as error:
        reason = str(error).splitlines()[0]
        todo = "Write one condition, or one expression, of SQL."
        raise DefinitionError(
            f"cannot read the SQL {text!r}", why=reason, todo=todo, code="bad-sql"
        ) from None
    if isinstance(found, _NO_VALUE):
        raise DefinitionError(f"the SQL {text!r} is no value", todo="Write one expression.", code="bad-sql")
    return found


def parsed(text: str, dialect: str) -> exp.Expr:
    """Read SQL into a tree of one's own."""
    return _tree(text, dialect).copy()


@lru_cache(maxsize=4096)
def adds_up(text: str, dialect: str) -> str:
    """Give the first aggregate or window within an expression; '' where it is of one row at a time."""
    if _word(text):
        return ""
    found = _tree(text, dialect).find_all(exp.Window, exp.AggFunc)
    own = (part for part in found if part.find_ancestor(exp.Select) is None)
    return next((part.sql(dialect) for part in own), "")


def _word(text: str) -> exp.Expr | None:
    """Read a name alone, which may be a word of SQL: `comment`, `end`."""
    if not text.isidentifier() or text.lower() in _VALUES:
        return None
    return exp.column(exp.to_identifier(text, quoted=False))


def qualified(text: str, table: str, dialect: str) -> exp.Expr:
    """Read an expression of a model; its columns are those of this table."""
    tree = _word(text) or divided_safely(parsed(text, dialect))
    if isinstance(tree, exp.Column) and not tree.table:
        tree.set("table", exp.to_identifier(table, quoted=True))
        return tree
    for part in list(tree.find_all(exp.Column)):
        if not part.table:
            part.set("table", exp.to_identifier(table, quoted=True))
    return tree if _simple(tree) else exp.paren(tree, copy=False)


def _simple(tree: exp.Expr) -> bool:
    return not isinstance(tree, exp.Binary | exp.Unary | exp.Between | exp.In | exp.Interval) or isinstance(
        tree, exp.Paren | exp.Dot
    )


def bare_names(template: Template, dialect: str) -> list[str]:
    """Name what stands in a filter without braces; raises DefinitionError for columns of tables."""
    found = []
    for part in _compared(template, dialect).find_all(exp.Column):
        if not _PLACEHOLDER.fullmatch(part.name):
            found.append(part.name)
    return found


def _compared(template: Template, dialect: str) -> exp.Expr:
    """Read a filter, which compares what it names: it reaches no column of a table, and no other table."""
    try:
        tree = parsed(template.sql, dialect)
    except DefinitionError:
        raise _bad_filter(template, "It is no complete comparison.") from None
    if not isinstance(tree, exp.Condition):
        raise _bad_filter(template, "It is a statement, not a comparison.")
    for part in tree.walk():
        if isinstance(part, exp.Literal) and _PLACEHOLDER.search(part.name):
            raise _bad_filter(template, f"Within quotes {part.sql(dialect)} is a text, not what it names.")
        if isinstance(part, exp.Column) and part.table:
            raise _bad_filter(template, f"{part.sql(dialect)!r} is a column of a table.")
        if isinstance(part, (*_NO_COMPARISON, exp.Exists)):
            raise _bad_filter(template, f"It has {part.sql(dialect)!r}, which is more than a comparison.")
        if isinstance(part, exp.Func) and not isinstance(part, _CALLED):
            raise _bad_filter(template, f"It calls {part.sql(dialect)!r}; filters call plain functions only.")
    return tree


def _as_written(text: str, template: Template) -> str:
    def written(found: re.Match[str]) -> str:
        reference = template.references[int(found[1])]
        return reference.metric or reference.item.column

    return _PLACEHOLDER.sub(written, text)


def _bad_filter(template: Template, why: str) -> DefinitionError:
    return DefinitionError(
        f"the condition {template.text!r} cannot be understood",
        why=_as_written(why, template),
        todo="Compare dimensions or metrics with values, joined by AND, OR and NOT.",
        code="bad-condition",
    )


def with_references(template: Template, calendar: Container[str], dialect: str) -> Template:
    """Read names of columns that stand in a filter without braces as references."""
    tree = _compared(template, dialect)
    references = list(template.references)
    for part in list(tree.find_all(exp.Column)):
        if not _PLACEHOLDER.fullmatch(part.name):
            references.append(Reference(parse_group_by(part.name).with_calendar(calendar)))
            part.set("this", exp.to_identifier(placeholder(len(references) - 1)))
    if len(references) == len(template.references):
        return template
    return Template(template.text, tree.sql(dialect=dialect), tuple(references))


def with_own_names(template: Template, aliases: Mapping[str, str], dialect: str) -> Template:
    """Read the names that a question gives its columns as those that the definitions have."""
    if not aliases:
        return template
    tree = _compared(template, dialect)
    for part in list(tree.find_all(exp.Column)):
        if part.name in aliases:
            part.set("this", exp.to_identifier(aliases[part.name]))
    return Template(template.text, tree.sql(dialect=dialect), template.references)


def filled_in(template: Template, values: Sequence[exp.Expr], dialect: str) -> exp.Expr:
    """Put values in the place of the references of a filter."""
    tree = divided_safely(parsed(template.sql, dialect))

    def replace(part: exp.Expr) -> exp.Expr:
        found = isinstance(part, exp.Column) and _PLACEHOLDER.fullmatch(part.name)
        return values[int(found[1])].copy() if found else part

    tree = tree.transform(replace, copy=False)
    return exp.paren(tree, copy=False) if isinstance(tree, exp.Connector) else tree


def limits(template: Template, dialect: str) -> Iterator[tuple[str, str]]:
    """Tell limits of the one thing that a filter compares with dates: (">=", moment) or ("<=", moment)."""
    tree = parsed(template.sql, dialect).unnest()
    for part in tree.flatten() if isinstance(tree, exp.And) else [tree]:
        for sign, value in _limit(part.unnest()):
            text = (value.this if isinstance(value, exp.Cast) else value).name.replace(" ", "T")
            if _is_day(text[:10]):
                yield sign, text


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _limit(part: exp.Expr) -> list[tuple[str, exp.Expr]]:
    if not (isinstance(part.this, exp.Column) and _PLACEHOLDER.fullmatch(part.this.name)):
        return []
    if isinstance(part, exp.Between):
        found = [(">=", part.args["low"]), ("<=", part.args["high"])]
    elif isinstance(part, exp.GT | exp.GTE):
        found = [(">=", part.expression)]
    elif isinstance(part, exp.LT | exp.LTE):
        found = [("<=", part.expression)]
    elif isinstance(part, exp.EQ):
        found = [(">=", part.expression), ("<=", part.expression)]
    else:
        return []
    return [(sign, value) for sign, value in found if is_date(value)]


def require_moments(template: Template, times: Sequence[bool], dialect: str) -> None:
    """Refuse a filter that compares a time with what is none; `times` tells which references are times."""
    if not any(times):
        return
    for name, wrong in _mismatches(template, lambda part: _refers(part, times), _no_moment, dialect):
        raise DefinitionError(
            f"the condition {template.text!r} compares a time with what is none",
            why=f"It compares {name} with {wrong}." if wrong else f"{name} is a time, not a text.",
            todo="Write the first day of the period, or a moment, in single quotes: '2026-01-31'.",
            code="bad-condition",
        )


def require_numbers(
    template: Template, figures: Sequence[bool], named: Collection[str], dialect: str
) -> None:
    """Refuse a filter that compares a figure with what is no number.

    `figures` tells which references are figures, `named` which columns of the result are.
    """
    if not (any(figures) or named):
        return

    def is_figure(part: object) -> bool:
        return _refers(part, figures) or (isinstance(part, exp.Column) and part.name in named)

    for name, wrong in _mismatches(template, is_figure, _no_number, dialect):
        raise DefinitionError(
            f"the condition {template.text!r} compares a figure with what is none",
            why=f"It compares {name} with {wrong}." if wrong else f"{name} is a figure, not a text.",
            todo="Write a number, without quotes: 1000, 0.05.",
            code="bad-condition",
        )


def _mismatches(
    template: Template,
    is_meant: Callable[[object], bool],
    is_wrong: Callable[[exp.Expr], bool],
    dialect: str,
) -> Iterator[tuple[str, str]]:
    """Tell what is meant and compared with something wrong: its name, and the wrong ('' for a pattern)."""
    for part in parsed(template.sql, dialect).find_all(*_COMPARING):
        sides = [
            value
            for values in part.args.values()
            for value in (values if isinstance(values, list) else [values])
        ]
        found = next((item for item in sides if is_meant(item)), None)
        if found and isinstance(part, exp.Like | exp.ILike):
            yield _as_written(found.name, template), ""
        elif found and (wrong := [item for item in sides if isinstance(item, exp.Expr) and is_wrong(item)]):
            yield _as_written(found.name, template), wrong[0].sql(dialect)


def _refers(part: object, meant: Sequence[bool]) -> bool:
    found = isinstance(part, exp.Column) and _PLACEHOLDER.fullmatch(part.name)
    return meant[int(found[1])] if found else False


def _no_number(part: exp.Expr) -> bool:
    """Whether a literal can be no figure on any engine; '1000' is one, as are '2 days' of what takes time."""
    if not (isinstance(part, exp.Literal) and part.is_string):
        return isinstance(part, exp.Boolean)
    return not any(character.isdigit() for character in part.name)


def _no_moment(part: exp.Expr) -> bool:
    """Whether a literal can be no moment on any engine: a number, a word, a year alone, February 30."""
    if not isinstance(part, exp.Literal):
        return isinstance(part, exp.Boolean)
    text = part.name.strip().lower()
    if not part.is_string or _PERIOD.fullmatch(text):
        return True
    if day := _DATE.match(text):
        return not _is_day(day[0][:10])
    return text not in _MOMENTS and not any(character.isdigit() for character in text)


def picks_members(template: Template, dialect: str) -> bool:
    """Whether a filter asks for nothing but members that it names: `= 'web'`, `IN ('web', 'shop')`."""
    tree = parsed(template.sql, dialect).unnest()
    named = tree.expressions if isinstance(tree, exp.In) else [tree.expression]
    if not isinstance(tree, exp.EQ | exp.In) or not isinstance(tree.this, exp.Column):
        return False
    return bool(named) and all(isinstance(item, exp.Literal) for item in named)


def makes_values(tree: exp.Expr) -> bool:
    """Whether an expression may have a value where all its inputs have none."""
    makers = (exp.Coalesce, exp.Case, exp.If, exp.Is, exp.Nvl2, exp.Anonymous, exp.NullSafeEQ)
    return any(True for _ in tree.find_all(*makers)) or not any(True for _ in tree.find_all(exp.Column))


def is_date(value: exp.Expr | None) -> bool:
    """Whether an expression is a date or a time written out."""
    if isinstance(value, exp.Cast):
        value = value.this
    return isinstance(value, exp.Literal) and value.is_string and bool(_DATE.fullmatch(value.name))
