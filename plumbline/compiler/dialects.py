"""What engines write differently, where the syntax tree does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from sqlglot import exp

from plumbline.compiler import mysql
from plumbline.errors import DefinitionError, did_you_mean

DIALECTS = (
    *("bigquery", "clickhouse", "databricks", "duckdb", "mysql"),
    *("postgres", "redshift", "snowflake", "spark", "trino"),
)

PARTS = ("year", "quarter", "month", "day", "dow", "doy")
# Monday is 1 and Sunday is 7, as ISO 8601 counts.
_ISO_DAY: Mapping[str, str] = {
    "databricks": "DAYOFWEEK_ISO",
    "snowflake": "DAYOFWEEKISO",
    "spark": "DAYOFWEEK_ISO",
    "trino": "DAY_OF_WEEK",
}
_DAY_OF_YEAR: Mapping[str, str] = {"bigquery": "DAYOFYEAR", "snowflake": "DAYOFYEAR", "trino": "DAY_OF_YEAR"}
# Engines that have functions for it, and what these count less.
_COUNTED: Mapping[tuple[str, str], tuple[str, int]] = {
    ("dow", "clickhouse"): ("toDayOfWeek", 0),
    ("doy", "clickhouse"): ("toDayOfYear", 0),
    ("dow", "mysql"): ("WEEKDAY", 1),
    ("doy", "mysql"): ("DAYOFYEAR", 0),
}
# Engines whose number of the day begins with Sunday: as 0, or as 1.
_SUNDAY: Mapping[str, tuple[str, int]] = {"redshift": ("DOW", 0), "bigquery": ("DAYOFWEEK", 1)}


# Marks the least or greatest of values whose type is not known.
_OF_ANY_TYPE = "of_any_type"
# How many bytes of a name an engine keeps: two names that begin alike would be one.
_KEPT_OF_NAMES: Mapping[str, int] = {"postgres": 63}


def fitted(tree: exp.Select, dialect: str) -> exp.Select:
    """Say what an engine would otherwise understand differently; the tree itself is changed.

    Raises DefinitionError for a column of the result whose name the engine cannot keep.
    """
    for group in tree.find_all(exp.Group):
        group.set("expressions", [_no_position(item) for item in group.expressions])
    if dialect == "bigquery":
        for part in list(tree.find_all(exp.TimestampTrunc, exp.DateTrunc)):
            # Takes dates and timestamps; its WEEK begins on Sundays.
            unit = exp.var({"WEEK": "ISOWEEK"}.get(part.text("unit").upper(), part.text("unit").upper()))
            part.replace(exp.Anonymous(this="DATE_TRUNC", expressions=[part.this, unit]))
    if dialect == "mysql":
        mysql.fit(tree)
    if dialect == "clickhouse":
        # What a join does not find is empty, not 0 or ''.
        nulls = exp.EQ(this=exp.var("join_use_nulls"), expression=exp.Literal.number(1))
        tree.set("settings", [nulls])
    if dialect == "postgres":
        _compared_in_lists(tree)
        for part in list(tree.find_all(exp.TimestampTrunc, exp.DateTrunc)):
            # PostgreSQL takes a date for midnight in the time zone of the session.
            part.set("this", exp.cast(part.this, "TIMESTAMP"))
    if dialect == "snowflake":
        _quote_tables(tree)
    if dialect in _KEPT_OF_NAMES:
        _shorten_names(tree, dialect)
    return tree


def _quote_tables(tree: exp.Select) -> None:
    """Quote the names of common tables, as columns name them: what has no quotes is in capitals there."""
    tables = {item.alias for item in tree.find_all(exp.CTE)}
    for part in tree.find_all(exp.Table, exp.TableAlias):
        name = part.this
        is_stored = isinstance(part, exp.Table) and (part.args.get("db") or name.name not in tables)
        if isinstance(name, exp.Identifier) and not is_stored:
            name.set("quoted", True)


def _no_position(value: exp.Expr) -> exp.Expr:
    """Write a constant to group by so that it is not read as the position of a column, or refused."""
    constant = value.this if isinstance(value, exp.Neg) else value
    if not isinstance(constant, exp.Literal | exp.Boolean | exp.Null):
        return value
    kind = "BOOLEAN" if isinstance(constant, exp.Boolean) else "DOUBLE" if constant.is_number else "TEXT"
    return exp.cast(value, kind)


def _shorten_names(tree: exp.Select, dialect: str) -> None:
    """Give names that only the statement itself knows a length that stays as it is."""
    kept = _KEPT_OF_NAMES[dialect]
    for name in tree.named_selects:
        if len(name.encode()) > kept:
            raise DefinitionError(
                f"the column {name!r} cannot have its name",
                why=f"A name of {dialect} has up to {kept} bytes.",
                todo="Give the metric or the dimension a shorter name.",
                code="name-too-long",
            )
    for part in tree.find_all(exp.Identifier):
        # A name without quotes is that of a stored column.
        if part.args.get("quoted") and len(part.name.encode()) > kept:
            part.set("this", _shortened(part.name, kept))


def _shortened(name: str, kept: int) -> str:
    digest = sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: kept - 9].decode(errors='ignore')}_{digest}"


def takes_the_last(dialect: str) -> bool:
    """Whether an engine gives the value of the last moment in one pass (ARG_MAX), an empty one, too."""
    return dialect == "duckdb"


def value_at_the_end(value: exp.Expr, moment: exp.Expr, choice: str) -> exp.Expr:
    """Give the value of the first or last moment, also where it is empty."""
    name = "arg_min_null" if choice == "min" else "arg_max_null"
    return exp.Anonymous(this=name, expressions=[value, moment.copy()])


def joins_the_last(dialect: str) -> bool:
    """Whether an engine joins each row with the last one before it (ASOF)."""
    return dialect == "duckdb"


def has_frames_of_time(dialect: str) -> bool:
    """Whether an engine adds up rows that lie so long before each (RANGE INTERVAL)."""
    return dialect in ("duckdb", "postgres")


def adds_days(dialect: str) -> bool:
    """Whether a date plus a number is a date, which is quicker to compare than a timestamp."""
    return dialect == "duckdb"


def adds_up_sums(dialect: str) -> bool:
    """Whether a sum of sums has the type that the sum of all has."""
    return dialect == "duckdb"


def least_of_some(dialect: str) -> bool:
    """Whether the least of values leaves out what is empty."""
    return dialect in ("duckdb", "postgres")


def joins_fully(dialect: str) -> bool:
    """Whether an engine joins two tables and keeps what only one of them has."""
    return dialect != "mysql"


def divided_as_numbers(tree: exp.Expr) -> exp.Expr:
    """Make 7 / 2 in a formula 3.5 on every engine, and nothing of what is divided by 0; changes the tree."""
    for part in tree.find_all(exp.Div):
        part.set("typed", False)
    return divided_safely(tree)


def divided_safely(tree: exp.Expr) -> exp.Expr:
    """Make no value of what is divided by 0: neither infinity nor an error; changes the tree."""
    for part in list(tree.find_all(exp.Div, exp.IntDiv, exp.Mod)):
        below = part.expression
        bare = _uncast(below)
        if not isinstance(bare, exp.Nullif) and not _is_number_but_0(bare):
            zero = exp.Literal.number(0)
            part.set("expression", exp.Nullif(this=below.copy(), expression=zero))
            part.set("safe", False)
    return tree


def _uncast(value: exp.Expr) -> exp.Expr:
    while isinstance(value, exp.Cast | exp.Paren):
        value = value.this
    return value


def _is_number_but_0(value: exp.Expr) -> bool:
    return isinstance(value, exp.Literal) and value.is_number and float(value.name) != 0


def extreme(kind: type[exp.Min] | type[exp.Max], value: exp.Expr) -> exp.Expr:
    """Give the least or the greatest of values that may be booleans."""
    found = kind(this=value)
    found.meta[_OF_ANY_TYPE] = True
    return found


def _compared_in_lists(tree: exp.Expr) -> None:
    """Compare values as lists of one: PostgreSQL knows no least or greatest boolean, but lists of them."""
    for part in [item for item in tree.find_all(exp.Min, exp.Max) if item.meta.pop(_OF_ANY_TYPE, False)]:
        whole = part.parent if isinstance(part.parent, exp.Window) else part
        there = exp.Not(this=exp.Is(this=part.this.copy(), expression=exp.null()))
        listed = exp.Array(expressions=[part.this])
        part.set("this", exp.Case().when(there, listed))
        found = exp.Bracket(this=exp.paren(whole.copy()), expressions=[exp.Literal.number(1)], offset=1)
        whole.replace(found)


def part_of(value: exp.Expr, part: str, dialect: str) -> exp.Expr:
    """Take a number out of a date: year, quarter, month, day, dow (Monday is 1), doy."""
    if part not in PARTS:
        todo = f"{did_you_mean(part, list(PARTS))} Known: {', '.join(PARTS)}.".strip()
        raise DefinitionError(f"{part!r} is no part of a date", todo=todo, code="unknown-date-part")
    if (part, dialect) in _COUNTED:
        name, less = _COUNTED[part, dialect]
        number = exp.Anonymous(this=name, expressions=[value])
        return exp.paren(number + less) if less else number
    if part == "dow":
        return _iso_day(value, dialect)
    name = _DAY_OF_YEAR.get(dialect, "DOY") if part == "doy" else part.upper()
    return _extract(name, value)


def _iso_day(value: exp.Expr, dialect: str) -> exp.Expr:
    if dialect not in _SUNDAY:
        return _extract(_ISO_DAY.get(dialect, "ISODOW"), value)
    name, sunday = _SUNDAY[dialect]
    number = _extract(name, value)
    is_sunday = exp.EQ(this=number, expression=exp.Literal.number(sunday))
    others = exp.paren(number.copy() - sunday) if sunday else number.copy()
    return exp.Case().when(is_sunday, exp.Literal.number(7)).else_(others)


def _extract(name: str, value: exp.Expr) -> exp.Expr:
    return exp.Extract(this=exp.var(name), expression=value)


def percentile(
    value: exp.Expr, share: float, dialect: str, *, discrete: bool = False, approximate: bool = False
) -> exp.Expr:
    """Give the value below which a share of the values lies: interpolated, or one of them."""
    number = exp.Literal.number(repr(share))
    if approximate and not discrete and dialect != "postgres":
        return exp.ApproxQuantile(this=value, quantile=number)
    kind = exp.PercentileDisc if discrete else exp.PercentileCont
    if dialect == "duckdb" and not discrete:
        # What lies between two decimals would have no more digits than they have.
        value = exp.cast(value, "DOUBLE")
    if dialect in ("spark", "databricks") and not discrete:
        # The exact one: what sqlglot would write is an approximation.
        return exp.Anonymous(this="PERCENTILE", expressions=[exp.cast(value, "DOUBLE"), number])
    ordered = exp.Order(expressions=[exp.Ordered(this=value, nulls_first=False)])
    return exp.WithinGroup(this=kind(this=number), expression=ordered)
