"""Tell which past figures wait for an approval: how many of each metric, by how much, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from plumbline.project import Home

_NAMED = 10
_AWAITING = "awaits approval"  # plumbline.governance.trust.AWAITING, which would load the definitions
_WAITING = f"""
select metric, count(*), max(abs(change_share)), bool_or(new_value is null), min(period_start),
       max(period_start), min(waits_since), max(cause), max(regexp_extract(reason, '{_AWAITING} (by .*)$', 1))
from published.restatement
where state = '{_AWAITING}'
group by metric
order by count(*) desc, metric
"""


@dataclass(frozen=True)
class Waiting:
    """The restated figures of one metric that wait for an approval."""

    metric: str
    figures: int
    largest: float | None
    is_gone: bool
    first: date
    last: date
    since: datetime
    cause: str
    by: str


def read_waiting(home: Home) -> list[Waiting]:
    """Read what waits in the current generation, most figures first; nothing where it is of an older make."""
    import duckdb

    if not home.current.exists():
        return []
    with duckdb.connect(str(home.current.resolve()), read_only=True) as connection:
        try:
            return [Waiting(*row) for row in connection.execute(_WAITING).fetchall()]
        except duckdb.CatalogException:
            return []


def tell_waiting(waiting: Iterable[Waiting], company: str) -> Iterator[str]:
    """Write the section on restatements that wait."""
    waiting = list(waiting)
    if not waiting:
        return
    figures = sum(each.figures for each in waiting)
    yield (
        f"Restated, and waiting for approval: {figures:,} past figure{'s' if figures > 1 else ''} of "
        f"{len(waiting)} metric{'s' if len(waiting) > 1 else ''}; the old values are shown"
    )
    for each in waiting[:_NAMED]:
        yield f"  {each.metric}: {_figures(each)}, since {each.since:%Y-%m-%d %H:%M} UTC: {each.cause}"
    if len(waiting) > _NAMED:
        yield f"  and {len(waiting) - _NAMED} more metrics: plumb restatement list"
    of = "" if company == "demo" else f" --company {company}"
    yield f"  To be looked at {waiting[0].by}: plumb restatement show METRIC{of}"
    yield f"  and approved: plumb restatement approve METRIC --reason '…'{of}   (or `all`)"
    yield ""


def _figures(each: Waiting) -> str:
    one = each.figures == 1
    range_of = f"of {each.first}" if each.first == each.last else f"from {each.first} to {each.last}"
    change = "some are gone" if each.is_gone else f"by up to {100 * (each.largest or 0):,.1f} %"
    if each.largest is None and not each.is_gone:
        change = "from zero, or from nothing"
    return f"{each.figures:,} figure{'' if one else 's'} {range_of} changed {change}".replace(
        "changed some are gone", "changed, some are gone"
    )
