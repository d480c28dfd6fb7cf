"""What MySQL 8 lacks, said in what it has: starts of periods, empty values last, quarters of a year."""

from __future__ import annotations

from sqlglot import exp

from plumbline.errors import DefinitionError

_FORMATS = {"second": "%Y-%m-%d %H:%i:%s", "minute": "%Y-%m-%d %H:%i:00", "hour": "%Y-%m-%d %H:00:00"}


def fit(tree: exp.Select) -> None:
    """Rewrite a statement for MySQL; raises DefinitionError for what it cannot say."""
    for join in tree.find_all(exp.Join):
        if join.side.upper() == "FULL":
            raise _cannot("keep the members of two tables that never met")
    if tree.find(exp.WithinGroup, exp.ApproxQuantile):
        raise _cannot("take percentiles")
    for part in list(tree.find_all(exp.TimestampTrunc, exp.DateTrunc)):
        part.replace(_start(part.this.copy(), part.text("unit").lower()))
    for order in tree.find_all(exp.Order):
        order.set("expressions", [item for part in order.expressions for item in _empty_last(part)])


def _cannot(what: str) -> DefinitionError:
    todo = "Ask another engine, or ask for something else."
    return DefinitionError(f"MySQL cannot {what}", todo=todo, code="engine-cannot")


def _start(value: exp.Expr, grain: str) -> exp.Expr:
    """Give the first moment of the period that a moment lies in."""
    day = exp.cast(value, "DATE")
    match grain:
        case "day":
            return day
        case "week":
            return exp.Sub(this=day, expression=_interval(exp.Anonymous(this="WEEKDAY", expressions=[value])))
        case "month":
            return exp.cast(_formatted(value, "%Y-%m-01"), "DATE")
        case "quarter":
            quarters = exp.paren(exp.Anonymous(this="QUARTER", expressions=[value.copy()]) - 1)
            return exp.Add(this=_year(value), expression=_interval(quarters, "QUARTER"))
        case "year":
            return _year(value)
    return exp.cast(_formatted(value, _FORMATS.get(grain, "%Y-%m-%d %H:%i:%s.%f")), "DATETIME(6)")


def _year(value: exp.Expr) -> exp.Expr:
    year = exp.Anonymous(this="YEAR", expressions=[value])
    return exp.Anonymous(this="MAKEDATE", expressions=[year, exp.Literal.number(1)])


def _formatted(value: exp.Expr, text: str) -> exp.Expr:
    return exp.Anonymous(this="DATE_FORMAT", expressions=[value, exp.Literal.string(text)])


def _interval(count: exp.Expr, unit: str = "DAY") -> exp.Expr:
    return exp.Interval(this=count, unit=exp.var(unit))


def _empty_last(part: exp.Expr) -> list[exp.Expr]:
    if not isinstance(part, exp.Ordered):
        return [part]
    empty = exp.Ordered(this=exp.Is(this=part.this.copy(), expression=exp.null()), nulls_first=True)
    plain = exp.Ordered(this=part.this, desc=part.args.get("desc"), nulls_first=not part.args.get("desc"))
    return [empty, plain]
