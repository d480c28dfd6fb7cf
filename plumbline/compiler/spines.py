"""Time spines: which one serves a grain, and its periods under the conditions on time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from plumbline.compiler.dialects import part_of
from plumbline.compiler.expressions import column, common, filled_in, named, stored, truncated, with_join
from plumbline.compiler.graph import Column
from plumbline.compiler.periods import cuts
from plumbline.compiler.plan import Condition
from plumbline.definitions import TIMES, Definitions, TimeSpine, Window
from plumbline.errors import DefinitionError

# The moment that a shifted period looks at, and the last day of that period where it is shown as a whole.
LOOKED_AT = "__looked_at"
LAST_DAY = "__last_day"


def spine_for(definitions: Definitions, grain: str, calendar: Sequence[str] = ()) -> TimeSpine:
    """Choose the coarsest time spine that still has every period, and the calendar that is asked for."""
    for name in calendar:
        if name in definitions.calendar:
            own = definitions.calendar[name]
            grain = min(own.grain, grain, key=TIMES.index)
    fitting = [spine for spine in definitions.time_spines if TIMES.index(spine.grain) <= TIMES.index(grain)]
    if not fitting:
        raise DefinitionError(
            f"no time spine has every {grain}",
            why="The question needs each period, also those without data.",
            todo=f"Add a model with one row per {grain}, with `time_spine:` in its YAML.",
            code="no-time-spine",
        )
    return fitting[-1]


def spine_of(
    definitions: Definitions, columns: Sequence[Column], span: tuple[str, str] | None = None
) -> TimeSpine:
    """Choose the time spine for some times; a range that cuts their periods needs its days."""
    grain = finest(columns)
    if span and cuts(span, grain):
        grain = min(grain, "day", key=TIMES.index)
    return spine_for(definitions, grain, [item.grain for item in columns])


def finest(columns: Sequence[Column]) -> str:
    """Give the shortest grain that columns need; what is taken out of a date needs its days."""
    return min((_needed(item) for item in columns), key=TIMES.index)


def _needed(item: Column) -> str:
    return item.base if item.part or item.grain not in TIMES else item.grain


def spine_rows(definitions: Definitions, spine: TimeSpine, columns: Sequence[Column], table: str) -> exp.Expr:
    """Give the rows of a time spine, with the calendars of other spines that are asked for beside them."""
    asked = dict.fromkeys(item.grain for item in columns if item.grain not in (*TIMES, *spine.calendar))
    if not asked:
        return stored(spine.relation, table)
    day, own = column(spine.column, table), dict.fromkeys((spine.column, *spine.calendar.values()))
    select = exp.select(*(column(name, table) for name in own)).from_(
        stored(spine.relation, table), copy=False
    )
    for grain in asked:
        other = definitions.calendar[grain]
        same = exp.EQ(this=truncated(day.copy(), other.grain), expression=column(other.column, grain))
        select = with_join(select, stored(other.relation, grain), same, "left")
        select = select.select(
            exp.alias_(column(other.calendar[grain], grain), grain, quoted=True), copy=False
        )
    return select.subquery(table)


def on_spine(spine: TimeSpine, table: str, wanted: Column, dialect: str) -> exp.Expr:
    """Give a time of the result from a row of the spine."""
    raw = column(spine.column, table)
    if wanted.grain not in TIMES:
        raw = column(spine.calendar.get(wanted.grain, wanted.grain), table)
    elif not wanted.part:
        return raw if wanted.grain == spine.grain else truncated(raw, wanted.grain)
    return part_of(raw, wanted.part, dialect) if wanted.part else raw


def met(spine: TimeSpine, table: str, conditions: Sequence[Condition], dialect: str) -> list[exp.Expr]:
    """Ask the conditions on time of the rows of the spine."""
    return [
        filled_in(item.template, [on_spine(spine, table, part, dialect) for part in item.columns], dialect)
        for item in conditions
    ]


def moved_by_calendar(spine: TimeSpine, window: Window, *, whole: bool) -> exp.Select:
    """Give, for each day, the day at the same place in a later period of the calendar, or that period's ends.

    A day whose place the other period does not have, being shorter or beyond the time spine, is left out.
    """
    period = spine.calendar[window.grain]
    table = stored(spine.relation)
    day = column(spine.column)
    first, last = exp.Min(this=day.copy()), exp.Max(this=day.copy())
    ends = exp.select(*named([column(period), first, last], [period, "__first_day", LAST_DAY])).from_(
        common(table), copy=False
    )
    ends = ends.group_by(column(period))
    next_period = exp.select(
        column(period),
        *named(
            [_lead(name, window.count) for name in (period, "__first_day", LAST_DAY)],
            ["__next_period", "__next_first", "__next_last"],
        ),
    ).from_(common(ends.subquery("ends")), copy=False)
    place = exp.Window(
        this=exp.RowNumber(),
        partition_by=[column(period)],
        order=exp.Order(expressions=[exp.Ordered(this=day.copy(), nulls_first=False)]),
    )
    days = exp.select(column(period), day.copy(), exp.alias_(place, "__place", quoted=True)).from_(
        common(table.copy()), copy=False
    )
    match = exp.EQ(this=column(period, "days"), expression=column(period, "moved"))
    looked_at = exp.alias_(column(spine.column, "days"), LOOKED_AT, quoted=True)
    if whole:
        found = [column(name, "moved") for name in ("__next_period", "__next_first", "__next_last")]
        shown = named(found, [window.grain, spine.column, LAST_DAY])
        there: exp.Expr = exp.Not(this=exp.Is(this=found[0].copy(), expression=exp.null()))
    else:
        shown = named([_same_place()], [spine.column])
        there = exp.LTE(this=_same_place(), expression=column("__next_last", "moved"))
    select = exp.select(looked_at, *shown).from_(common(days.subquery("days")), copy=False).where(there)
    return with_join(select, next_period.subquery("moved"), match, "inner")


def _same_place() -> exp.Expr:
    days = exp.Sub(this=column("__place", "days"), expression=exp.Literal.number(1))
    return exp.DateAdd(this=column("__next_first", "moved"), expression=exp.paren(days), unit=exp.var("DAY"))


def _lead(name: str, count: int) -> exp.Expr:
    return exp.Window(
        this=exp.Lead(this=column(name), offset=exp.Literal.number(count)),
        order=exp.Order(expressions=[exp.Ordered(this=column("__first_day"), nulls_first=False)]),
    )
