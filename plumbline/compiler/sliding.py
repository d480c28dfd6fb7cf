"""Totals of long windows that slide from moment to moment over the rows of a member.

Joining every moment with the rows of its window costs rows times the length of the window. Here a row is in
sight from its own moment until no window reaches it any more; where that of the next row begins before, both
are one stretch. Only moments of a stretch have a total, which a frame of the engine adds up.
Sorting costs more than joining where few rows meet in a window, so short windows are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from plumbline.compiler.aggregates import DISTRIBUTIVE, combined
from plumbline.compiler.dialects import has_frames_of_time
from plumbline.compiler.expressions import (
    column,
    common,
    length,
    named,
    selected,
    shifted,
    with_join,
)
from plumbline.compiler.plan import MOMENT, Running
from plumbline.compiler.steps import FIXED, leaves_at, over, so_far
from plumbline.definitions import TIMES, Window

_DAY = 24 * 3600
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": _DAY, "week": 7 * _DAY}
_SECONDS |= {"month": 30 * _DAY, "quarter": 91 * _DAY, "year": 365 * _DAY}
# How many moments a window has that is joined: a month by day.
_SHORT = 31
_SINCE, _UNTIL = "since", "until"
_BEGINS, _STRETCH = "begins", "stretch"
_SHOWN = "shown"

Add = Callable[[str, exp.Query], str]


def slides(running: Running, dialect: str) -> bool:
    """Tell whether the totals of a window can be followed from row to row."""
    window, base = running.window, running.source.time.base
    if not (window and running.keys and has_frames_of_time(dialect)):
        return False
    if running.measure.agg not in (*DISTRIBUTIVE, "average"):
        return False
    if any(condition.mixed for condition in running.conditions):
        return False
    if not TIMES.index("second") <= TIMES.index(base) <= TIMES.index(window.grain):
        return False
    return window.count * _SECONDS[window.grain] > _SHORT * _SECONDS[base]


def slid(
    running: Running, source: str, ends: str, parts: Mapping[str, str], add: Add, dialect: str
) -> tuple[str, exp.Expr]:
    """Give the totals at the moments of `ends`: their table, and how it is joined with those.

    `source` has a row per member and moment; `parts` names its columns, and the total of each.
    """
    others = [key.name for key in running.keys if not key.is_time]
    seen = add("seen", _seen(running, ends, _stretches(running, source, others, add), others))
    rows = add("slid", _with_moments(running, source, seen, others, parts, dialect))
    totals = add("totals", _totals(running, rows, others, parts, dialect))
    end = shifted(column(MOMENT, ends), running.shifts)
    same = exp.EQ(this=end, expression=column(MOMENT, totals))
    there = exp.EQ(this=column(_SHOWN, totals), expression=exp.Literal.number(1))
    return totals, exp.and_(same, there, copy=False)


def _stretches(running: Running, source: str, others: Sequence[str], add: Add) -> str:
    """Give the times without a break in which a member has rows in sight."""
    assert running.window is not None
    keys, group = [*others, MOMENT], [column(name) for name in others]
    values = [*map(column, keys), leaves_at(column(MOMENT), running.window)]
    spans = add("spans", selected(values, [*keys, _UNTIL], source))
    reaches = exp.GTE(this=over(exp.Lag(this=column(_UNTIL)), group), expression=column(MOMENT))
    begins = exp.Case().when(reaches, exp.Literal.number(0)).else_(exp.Literal.number(1))
    marked = add("marked", selected([*map(column, [*keys, _UNTIL]), begins], [*keys, _UNTIL, _BEGINS], spans))
    number = so_far(exp.Sum(this=column(_BEGINS)), group)
    values = [*map(column, [*keys, _UNTIL]), number]
    numbered = selected(values, [*keys, _UNTIL, _STRETCH], marked).subquery("numbered")
    first, last = exp.Min(this=column(MOMENT)), exp.Max(this=column(_UNTIL))
    select = selected([*map(column, others), first, last], [*others, _SINCE, _UNTIL], numbered)
    return add("stretches", select.group_by(*map(column, [*others, _STRETCH]), copy=False))


def _seen(running: Running, ends: str, stretches: str, others: Sequence[str]) -> exp.Select:
    """Give the moments that are asked for and have something in sight, for each member."""
    end = shifted(column(MOMENT, ends), running.shifts)
    within = exp.and_(
        exp.GTE(this=end, expression=column(_SINCE, stretches)),
        exp.LT(this=end.copy(), expression=column(_UNTIL, stretches)),
        copy=False,
    )
    keys = [column(name, stretches) for name in others]
    select = with_join(selected([*keys, end.copy()], [*others, MOMENT], ends), stretches, within, "inner")
    return select.distinct() if running.shifts else select


def _with_moments(
    running: Running, source: str, seen: str, others: Sequence[str], parts: Mapping[str, str], dialect: str
) -> exp.Select:
    """Put the rows and the moments that are asked for below each other, one row for both."""
    names = [*others, MOMENT, *parts, _SHOWN]
    keys = [column(name) for name in (*others, MOMENT)]
    rows = selected([*keys, *map(column, parts), exp.Literal.number(0)], names, source)
    nothing = [exp.null() for _ in parts]
    moments = selected([*(key.copy() for key in keys), *nothing, exp.Literal.number(1)], names, seen)
    every = exp.union(rows, moments, distinct=False, copy=False).subquery("every")
    merged = [_together(running, name, dialect) for name in parts]
    shown = exp.Max(this=column(_SHOWN))
    select = exp.select(*named([*(key.copy() for key in keys), *merged, shown], names))
    return select.from_(common(every), copy=False).group_by(*(key.copy() for key in keys), copy=False)


def _together(running: Running, name: str, dialect: str) -> exp.Expr:
    if running.measure.agg == "average":
        return exp.Sum(this=column(name))
    return combined(running.measure, column(name), dialect)


def _totals(
    running: Running, rows: str, others: Sequence[str], parts: Mapping[str, str], dialect: str
) -> exp.Select:
    assert running.window is not None
    frame = _frame(running.window, running.source.time.base)
    group = [column(name) for name in others]
    values = [over(_together(running, name, dialect), group, frame.copy()) for name in parts]
    names = [*others, MOMENT, *parts.values(), _SHOWN]
    return selected([*map(column, [*others, MOMENT]), *values, column(_SHOWN)], names, rows)


def _frame(window: Window, base: str) -> exp.WindowSpec:
    """Reach back by the window, less the shortest time between two moments: its own start is not in it."""
    unit = base if base in FIXED and base != "week" else "day"
    back = exp.paren(exp.Sub(this=length(window.count, window.grain), expression=length(1, unit)))
    return exp.WindowSpec(kind="RANGE", start=back, start_side="PRECEDING", end="CURRENT ROW", end_side=None)
