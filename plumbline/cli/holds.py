"""Tell what is held back: which check, on what, example rows, whose it is to mend, and which figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap
from typing import Any

from plumbline.project import Home

_NAMED = 6
_EXAMPLES = 3
_WIDTH = 96
_HOLDS = """
select table_name, expectation, max(reason) as reason, verdict, max(owner), max(todo), max(examples),
       min(held_since), list_sort(list(distinct metric)), max(last_good), bool_or(last_good is null)
from published.hold
group by table_name, expectation, verdict
order by count(*) desc, table_name, expectation
"""


@dataclass(frozen=True)
class Held:
    """What one failed check holds back."""

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


def read_holds(home: Home) -> list[Held]:
    """Read what the current generation holds back, by check; nothing where it is of an older make."""
    import duckdb

    if not home.current.exists():
        return []
    with duckdb.connect(str(home.current.resolve()), read_only=True) as connection:
        try:
            rows = connection.execute(_HOLDS).fetchall()
        except duckdb.CatalogException:
            return []
    return [_held(*row) for row in rows]


def _held(*row: Any) -> Held:
    table, expectation, reason, verdict, owner, todo, examples, since, metrics, last_good, never = row
    shown = tuple(json.loads(examples or "[]"))
    told = (table, expectation, reason, verdict, owner, todo, shown)
    return Held(*told, since, tuple(metrics), last_good or "", never)


def tell_holds(holds: Iterable[Held]) -> Iterator[str]:
    """Write the section on what is held back."""
    holds = list(holds)
    if not holds:
        return
    metrics = {name for held in holds for name in held.metrics}
    yield f"Held back: {len(metrics)} metric{'' if len(metrics) == 1 else 's'}"
    for number, held in enumerate(holds, start=1):
        yield f"  {number}. {held.reason}"
        yield from (f"    e.g. {_row(example)}" for example in held.examples[:_EXAMPLES])
        yield f"    {held.owner}: {held.todo or 'look at the rows and mend them at their source.'}"
        yield from (f"    {line}" for line in wrap(_names(held), _WIDTH, break_on_hyphens=False))
        yield f"    {_shown(held)}"
    yield ""


def _names(held: Held) -> str:
    more = len(held.metrics) - _NAMED
    tail = f" and {more} more" if more > 0 else ""
    return f"{held.verdict} since {held.since:%Y-%m-%d %H:%M} UTC: {', '.join(held.metrics[:_NAMED])}{tail}"


def _shown(held: Held) -> str:
    if not held.last_good:
        return "no figure is shown: there has been no good one yet"
    some = "; some have never had one" if held.never_good else ""
    return f"the last good figures are shown, of {held.last_good}{some}"


def _row(example: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'is empty' if value is None else value}" for name, value in example.items())
