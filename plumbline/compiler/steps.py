"""Running totals by their steps: each total once, with the time in which it holds.

Joining every moment with all rows of its window costs rows times moments. Where a total can be followed from
one row to the next, rows are sorted once instead: sums of all time or to date are summed up in order, and of
distinct items each counts from a moment on until it would not count any more (+1, then -1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from plumbline.compiler.aggregates import DISTRIBUTIVE, combined
from plumbline.compiler.dialects import adds_days, least_of_some
from plumbline.compiler.expressions import column, common, earlier, later, moment, named, selected, truncated
from plumbline.compiler.plan import ITEM, MOMENT, Running
from plumbline.definitions import TIMES, Window

SINCE = "__since"
UNTIL = "__until"
TOTAL = "__total"
PRESENT = "__present"
_ITEMS, _ROWS = "__items", "__rows"
# Lengths of time that are the same everywhere, so that a moment plus one is the inverse of a moment less one.
FIXED = ("second", "minute", "hour", "day", "week")
_NEVER = "9999-12-31"

Add = Callable[[str, exp.Query], str]


def by_steps(running: Running) -> bool:
    """Tell whether the totals can be followed from row to row."""
    if not running.keys or any(condition.mixed for condition in running.conditions):
        return False
    if running.grain_to_date and running.grain_to_date not in TIMES:
        return False
    if running.measure.agg in DISTRIBUTIVE:
        return running.window is None
    return running.measure.agg == "count_distinct"


def leaves_at(at: exp.Expr, window: Window) -> exp.Expr:
    """Give the first moment whose window does not reach back to a moment any more.

    The 31st has no counterpart in a shorter month: the first of the month after it is that moment.
    """
    after = later(at, window.count, window.grain)
    if window.grain in FIXED:
        return after
    is_inverse = exp.EQ(this=earlier(after, window.count, window.grain), expression=at.copy())
    next_day = later(truncated(after.copy(), "day"), 1, "day")
    return exp.Case().when(is_inverse, after.copy()).else_(next_day)


def summed_up(running: Running, source: str, part: str, dialect: str) -> exp.Select:
    """Sum up the aggregates of moments in order: keys, `since`, `until`, `total`."""
    keys = _others(running)
    within = [column(key) for key in keys]
    if running.grain_to_date:
        within.append(truncated(column(MOMENT), running.grain_to_date))
    following = exp.Coalesce(this=_lead(within), expressions=[_end(running)])
    total = so_far(combined(running.measure, column(part), dialect), within)
    values = [*(column(key) for key in keys), column(MOMENT), following, total]
    return selected(values, [*keys, SINCE, UNTIL, TOTAL], source)


def counted(running: Running, source: str, add: Add, dialect: str) -> exp.Select:
    """Count distinct items by their steps: keys, `since`, `until`, `total`, and the rows that are `present`.

    An item may be in `source` many times per moment: all but one of them count until that moment only, which
    is quicker than to look for different ones. What is counted nowhere, an item without a name, is present.
    """
    keys = _others(running)
    spans = add("spans", _spans(running, source, keys, dialect))
    steps: exp.Query = _steps(spans, keys, SINCE, 1)
    if not _endless(running):
        steps = exp.union(steps, _steps(spans, keys, UNTIL, -1), distinct=False)
    table = add("steps", steps)
    within = [column(key) for key in keys]
    names = [*keys, MOMENT]
    sums = [exp.Sum(this=column(name)) for name in (_ITEMS, _ROWS)]
    changes = exp.select(*named([*(column(name) for name in names), *sums], [*names, _ITEMS, _ROWS]))
    changed = add(
        "changes", changes.from_(common(table), copy=False).group_by(*(column(name) for name in names))
    )
    following = exp.Coalesce(this=_lead(within), expressions=[moment(_NEVER)])
    totals = [exp.cast(so_far(exp.Sum(this=column(name)), within), "BIGINT") for name in (_ITEMS, _ROWS)]
    values = [*(column(key) for key in keys), column(MOMENT), following, *totals]
    return exp.select(*named(values, [*keys, SINCE, UNTIL, TOTAL, PRESENT])).from_(
        common(changed), copy=False
    )


def _endless(running: Running) -> bool:
    return running.window is None and not running.grain_to_date


def _others(running: Running) -> list[str]:
    return [key.name for key in running.keys if not key.is_time]


def _spans(running: Running, source: str, keys: Sequence[str], dialect: str) -> exp.Select:
    """Give, for each item, the times in which it counts; they do not overlap, and may be empty."""
    names = [*keys, ITEM]
    columns = [column(name) for name in names]
    if _endless(running):
        first = exp.Min(this=column(MOMENT))
        select = selected([*columns, first], [*names, SINCE], source)
        return select.group_by(*(item.copy() for item in columns))
    within = [item.copy() for item in columns]
    if running.grain_to_date:
        within.append(truncated(column(MOMENT), running.grain_to_date))
    until = _until(running, within, dialect)
    return exp.select(*named([*columns, column(MOMENT), until], [*names, SINCE, UNTIL])).from_(
        common(source), copy=False
    )


def _until(running: Running, within: Sequence[exp.Expr], dialect: str) -> exp.Expr:
    """Give the moment from which an item does not count any more, or counts for its next row."""
    end = _end(running)
    window, in_days = running.window, running.source.time.base == "day"
    if window and window.grain in ("day", "week") and in_days and adds_days(dialect):
        days = window.count * (7 if window.grain == "week" else 1)
        end = exp.Add(this=column(MOMENT), expression=exp.Literal.number(days))
    if window and least_of_some(dialect):
        return exp.Least(this=_lead(within), expressions=[end], ignore_nulls=True)
    until: exp.Expr = exp.Coalesce(this=_lead(within), expressions=[end])
    return exp.Least(this=until, expressions=[end.copy()]) if window else until


def _steps(spans: str, keys: Sequence[str], at: str, sign: int) -> exp.Select:
    items: exp.Expr = exp.Count(this=column(ITEM))
    rows: exp.Expr = exp.Count(this=exp.Star())
    if sign < 0:
        items, rows = exp.Neg(this=items), exp.Neg(this=rows)
    columns = [*(column(key) for key in keys), column(at)]
    select = exp.select(*named([*columns, items, rows], [*keys, MOMENT, _ITEMS, _ROWS])).from_(
        common(spans), copy=False
    )
    return select.group_by(*(item.copy() for item in columns))


def _end(running: Running) -> exp.Expr:
    """Give the first moment that a row at a moment does not count at any more, were it the only one."""
    if running.window:
        return leaves_at(column(MOMENT), running.window)
    if running.grain_to_date:
        return later(truncated(column(MOMENT), running.grain_to_date), 1, running.grain_to_date)
    return moment(_NEVER)


def _lead(within: Sequence[exp.Expr]) -> exp.Window:
    return over(exp.Lead(this=column(MOMENT)), within)


def so_far(value: exp.Expr, within: Sequence[exp.Expr]) -> exp.Window:
    """Aggregate all rows up to each, in the order of their moments."""
    spec = exp.WindowSpec(
        kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW", end_side=None
    )
    return over(value, within, spec)


def over(value: exp.Expr, within: Sequence[exp.Expr], spec: exp.WindowSpec | None = None) -> exp.Window:
    """Open a window over the rows of a group, in the order of their moments."""
    order = exp.Order(expressions=[exp.Ordered(this=column(MOMENT), nulls_first=False)])
    return exp.Window(this=value, partition_by=[item.copy() for item in within], order=order, spec=spec)
