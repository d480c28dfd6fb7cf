"""Totals of long windows that slide from moment to moment over the rows of a member.

Joining every moment with the rows of its window costs rows times the length of the window. Here a total
changes only where a row comes into sight, or where no window reaches it any more: a frame of the engine adds
up those moments, and each moment that is asked for looks up the total that holds then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from plumbline.compiler.aggregates import DISTRIBUTIVE, combined
from plumbline.compiler.dialects import has_frames_of_time
from plumbline.compiler.expressions import (
    column,
    length,
    selected,
)
from plumbline.compiler.plan import MOMENT, Running
from plumbline.compiler.steps import FIXED, PRESENT, SINCE, UNTIL, Add, leaves_at, over
from plumbline.definitions import TIMES, Window

_DAY = 24 * 3600
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": _DAY, "week": 7 * _DAY}
_SECONDS |= {"month": 30 * _DAY, "quarter": 91 * _DAY, "year": 365 * _DAY}
# How many moments a window has that is joined: a month by day, or years by month.
_SHORT = 31


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
    return window.count * _SECONDS[window.grain] > _SHORT * _SECONDS[_step(running)]


def _step(running: Running) -> str:
    """Give the time from one moment that is asked for to the next."""
    grains = [key.column.grain for key in running.keys if key.is_time and not key.column.part]
    if not running.only_last or not grains or any(grain not in _SECONDS for grain in grains):
        return running.source.time.base
    return min(grains, key=TIMES.index)


def slid(running: Running, source: str, parts: Mapping[str, str], add: Add, dialect: str) -> exp.Select:
    """Give each total with the time in which it holds: keys, `since`, `until`, totals, and `present`.

    `source` has a row per member and moment; `parts` names its columns, and the total of each.
    Where no rows are present, there is no total.
    """
    others = [key.name for key in running.keys if not key.is_time]
    assert running.window is not None
    frame = _frame(running.window, running.source.time.base)
    rows = add("changes", _changes(running, running.window, source, others, parts, dialect))
    group = [column(name) for name in others]
    sums = [_together(running, name, dialect) for name in parts]
    totals = [over(item, group, frame.copy()) for item in (*sums, exp.Max(this=column(PRESENT)))]
    values = [*map(column, others), column(MOMENT), over(exp.Lead(this=column(MOMENT)), group), *totals]
    return selected(values, [*others, SINCE, UNTIL, *parts.values(), PRESENT], rows)


def _changes(
    running: Running,
    window: Window,
    source: str,
    others: Sequence[str],
    parts: Mapping[str, str],
    dialect: str,
) -> exp.Select:
    """Give the moments at which rows of a member come into sight, and at which they are out of it."""
    names = [*others, MOMENT, *parts, PRESENT]
    come = [column(name) for name in (*others, MOMENT, *parts)] + [exp.Literal.number(1)]
    go = [*map(column, others), leaves_at(column(MOMENT), window), *(exp.null() for _ in parts)]
    go.append(exp.Literal.number(0))
    either = exp.union(selected(come, names, source), selected(go, names, source), distinct=False, copy=False)
    keys = [column(name) for name in (*others, MOMENT)]
    merged = [_together(running, name, dialect) for name in parts]
    values = [*(key.copy() for key in keys), *merged, exp.Max(this=column(PRESENT))]
    return selected(values, names, either.subquery("either")).group_by(*keys, copy=False)


def _together(running: Running, name: str, dialect: str) -> exp.Expr:
    if running.measure.agg == "average":
        return exp.Sum(this=column(name))
    return combined(running.measure, column(name), dialect)


def _frame(window: Window, base: str) -> exp.WindowSpec:
    """Reach back by the window, less the shortest time between two moments: its own start is not in it."""
    unit = base if base in FIXED and base != "week" else "day"
    back = exp.paren(exp.Sub(this=length(window.count, window.grain), expression=length(1, unit)))
    return exp.WindowSpec(kind="RANGE", start=back, start_side="PRECEDING", end="CURRENT ROW", end_side=None)
