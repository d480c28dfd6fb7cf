"""Small pieces of SQL as syntax trees, the same for every dialect."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def column(name: str, table: str = "") -> exp.Expr:
    """Name a column, quoted."""
    return exp.column(name, table=table or None, quoted=True)


def named(values: Sequence[exp.Expr], names: Sequence[str]) -> list[exp.Expr]:
    """Give values their names, pair by pair."""
    return [exp.alias_(value, name, quoted=True) for value, name in zip(values, names, strict=True)]


def divided(above: exp.Expr, below: exp.Expr) -> exp.Expr:
    """Divide as floating point; nothing below gives no value."""
    not_zero = exp.Nullif(this=below, expression=exp.Literal.number(0))
    return exp.Div(this=exp.cast(above, "DOUBLE"), expression=exp.cast(not_zero, "DOUBLE"))


def truncated(value: exp.Expr, grain: str) -> exp.Expr:
    """Give the first day of the period that a day lies in."""
    return exp.cast(exp.func("DATE_TRUNC", exp.Literal.string(grain), value, dialect="duckdb"), "DATE")


def earlier(value: exp.Expr, count: int, grain: str) -> exp.Expr:
    """Go back in days or months: every dialect has those two."""
    unit, count = ("month", count * _MONTHS[grain]) if grain in _MONTHS else (grain, count)
    unit, count = ("day", count * 7) if unit == "week" else (unit, count)
    interval = exp.Interval(this=exp.Literal.string(str(count)), unit=exp.var(unit.upper()))
    return exp.Sub(this=value, expression=interval)


def grouped(values: Sequence[exp.Expr], source: str, keys: Sequence[exp.Expr]) -> exp.Select:
    """Select values of a table by keys."""
    return exp.select(*values).from_(source).group_by(*(key.copy() for key in keys))
