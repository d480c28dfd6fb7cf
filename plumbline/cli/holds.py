"""Tell what is held back: which check, on what, example rows, whose it is to mend, and which figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from textwrap import wrap
from typing import Any

from plumbline.counting import counted
from plumbline.indicators.sight import Range, in_months, together
from plumbline.project import Home

_NAMED = 6
_EXAMPLES = 3
_WIDTH = 96
_HOLDS = """
select table_name, expectation, max(reason) as reason, verdict, max(owner), max(todo), max(examples),
       min(held_since), {metrics}, list_sort(list(distinct last_good)), bool_or(last_good is null)
from published.hold
group by table_name, expectation, verdict
order by count(*) desc, table_name, expectation
"""
# A generation of an older make holds whole figures.
_METRICS = (
    "list(distinct {'metric': metric, 'since': held_since, 'period_start': period_start,"
    " 'period_end': period_end})"
)
_WHOLE = (
    "list(distinct {'metric': metric, 'since': held_since, 'period_start': null::date,"
    " 'period_end': null::date})"
)


@dataclass(frozen=True)
class Part:
    """Metrics of which the same periods ('' for all) are held since the same moment."""

    since: datetime
    periods: str
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """What one failed check holds back: since when at the earliest, and the newest last good publication.

    `periods` names the metrics by the periods held ('' for all), `parts` by moment and periods.
    """

    table: str
    expectation: str
    reason: str
    verdict: str
    owner: str
    todo: str
    examples: tuple[Mapping[str, Any], ...]
    since: datetime
    metrics: tuple[str, ...]
    last_good: str
    never_good: bool
    periods: Mapping[str, tuple[str, ...]]
    all_last_good: tuple[str, ...]
    parts: tuple[Part, ...]


def read_holds(home: Home) -> list[Held]:
    """Read what the current generation holds back, by check; nothing where it is of an older make."""
    import duckdb

    if not home.current.exists():
        return []
    with duckdb.connect(str(home.current.resolve()), read_only=True) as connection:
        try:
            rows = connection.execute(_HOLDS.format(metrics=_METRICS)).fetchall()
        except duckdb.BinderException:
            rows = connection.execute(_HOLDS.format(metrics=_WHOLE)).fetchall()
        except duckdb.CatalogException:
            return []
    return [_held(*row) for row in rows]


def _held(*row: Any) -> Held:
    table, expectation, reason, verdict, owner, todo, examples, since, metrics, last_good, never = row
    shown = tuple(json.loads(examples or "[]"))
    told = (table, expectation, reason, verdict, owner, todo, shown)
    parts = tuple(_parts(metrics))
    names = tuple(sorted({name for part in parts for name in part.metrics}))
    periods = {
        each: tuple(sorted(name for part in parts if part.periods == each for name in part.metrics))
        for each in sorted({part.periods for part in parts})
    }
    good = tuple(last_good or ())
    return Held(*told, since, names, max(good, default=""), never, periods, good, parts)


def _parts(held: Iterable[Mapping[str, Any]]) -> Iterator[Part]:
    ranges: dict[tuple[str, datetime], list[Range]] = {}
    for each in held:
        days = (each["period_start"] or date.min, each["period_end"] or date.max)
        ranges.setdefault((each["metric"], each["since"]), []).append(days)
    found: dict[tuple[datetime, str], list[str]] = {}
    for metric, since in sorted(ranges):
        found.setdefault((since, in_months(together(ranges[metric, since]))), []).append(metric)
    for (since, periods), names in sorted(found.items()):
        yield Part(since, periods, tuple(names))


def tell_holds(holds: Iterable[Held]) -> Iterator[str]:
    """Write the section on what is held back."""
    holds = list(holds)
    if not holds:
        return
    metrics = {name for held in holds for name in held.metrics}
    yield f"Held back: {counted(len(metrics), 'metric')}"
    for number, held in enumerate(holds, start=1):
        yield f"  {number}. {held.reason}"
        yield from (f"    e.g. {_row(example)}" for example in held.examples[:_EXAMPLES])
        yield f"    {held.owner}: {held.todo or 'look at the rows and mend them at their source.'}"
        for text in _names(held):
            yield from (f"    {line}" for line in wrap(text, _WIDTH, break_on_hyphens=False))
        yield f"    {_shown(held)}"
    yield ""


def _names(held: Held) -> Iterator[str]:
    for part in held.parts:
        more = len(part.metrics) - _NAMED
        tail = f" and {more} more" if more > 0 else ""
        only = f", {part.periods}" if part.periods else ""
        since = f"{held.verdict} since {part.since:%Y-%m-%d %H:%M} UTC{only}"
        yield f"{since}: {', '.join(part.metrics[:_NAMED])}{tail}"


def _shown(held: Held) -> str:
    if not held.last_good:
        return "no figure is shown: there has been no good one yet"
    some = "; some have never had one" if held.never_good else ""
    return f"the last good figures are shown, of {' and '.join(held.all_last_good)}{some}"


def _row(example: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'is empty' if value is None else value}" for name, value in example.items())
