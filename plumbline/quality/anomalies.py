"""Rules about figures that are unlike those before them.

A figure is compared with the one a season earlier (a year for months, a week for days), as the difference of
their logarithms, and that with the same differences of earlier periods: their median is what is usual, their
median absolute deviation how much they usually stray (Iglewicz and Hoaglin 1993, threshold 3.5). Growth and
seasons are usual in this way; halvings and doublings are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from sqlglot import exp

from plumbline.quality.context import StageContext
from plumbline.quality.evidence import Evidence
from plumbline.quality.rules import ACCURACY
from plumbline.quality.sql import bind, query_in

THRESHOLD = 3.5
# What the deviation of a normal distribution is in terms of its median absolute deviation.
_NORMAL = 1.4826
# However steady a figure was: nothing is said below a third less, or half as much again.
_LEAST_SPREAD = 0.12


@dataclass(frozen=True)
class Season:
    """How far apart two figures are that are compared, how many comparisons tell what is usual, and how many
    days a period is left alone after its end, since some of what belongs to it comes late."""

    step: str
    least: int
    settling: int
    words: str


SEASONS = {
    "month": Season("1 year", 8, 7, "a year"),
    "day": Season("7 days", 28, 0, "a week"),
}

# Of what counts up to a day, or is compared with an earlier period itself, a season earlier says nothing.
_JUDGED = """
with figures as (
    select figures.metric, figures.period_start, figures.period_end, figures.value,
        case when figures.value > 0 then ln(cast(figures.value as double)) end as level
    from candidates.indicator_value as figures
    inner join candidates.indicator as indicator on figures.metric = indicator.name
    where figures.dimensions = ''
        and figures.grain = :grain
        and figures.period_end <= :as_of - :settling
        and not figures.is_partial
        and figures.value is not null
        and indicator.counted_over in ('period', 'end of period')
        and not exists (
            select 1 from candidates.indicator_edge as edge
            where edge.parent = figures.metric and edge.role = 'earlier input'
        )
),

changes as (
    select now.metric, now.period_start, now.period_end, now.value, season_before.level as level_before,
        now.level - season_before.level as change,
        row_number() over (partition by now.metric order by now.period_start desc) as age,
        max(now.period_start) over () as newest
    from figures as now
    inner join figures as season_before
        on now.metric = season_before.metric
        and now.period_start = cast(season_before.period_start + cast(:step as interval) as date)
    where season_before.level is not null
),

usual as (
    select metric, median(change) as usual_change, greatest(:normal * mad(change), :least_spread) as spread
    from changes
    where age > 1
    group by metric
    having count(change) >= :least and count(change) = count(*)
),

judged as (
    select changes.metric, changes.period_start, changes.period_end, changes.value,
        exp(changes.level_before + usual.usual_change - :threshold * usual.spread) as usual_from,
        exp(changes.level_before + usual.usual_change + :threshold * usual.spread) as usual_to
    from changes
    inner join usual on changes.metric = usual.metric
    where changes.age = 1 and changes.period_start = changes.newest
)
"""


def _shown(figure: str) -> str:
    """Write a figure for people: whole from a hundred on, else with four digits."""
    return (
        f"case when abs({figure}) >= 100 then format('{{:,.0f}}', {figure}) else printf('%.4g', {figure}) end"
    )


_EVIDENCE = (
    _JUDGED
    + f"""
select
    count(*) as evaluated,
    count(*) filter (where value not between usual_from and usual_to) as unexpected,
    coalesce(
        list_aggregate(
            list_slice(list(
                metric || ' is ' || {_shown("cast(value as double)")} || ', usual is '
                    || {_shown("usual_from")} || ' to ' || {_shown("usual_to")}
                order by metric
            ) filter (where value not between usual_from and usual_to), 1, 3),
            'string_agg', '; '
        ) || ' (of ' || any_value(period_start) || ')',
        count(*) || ' figures of ' || any_value(period_start) || ' are as usual'
    ) as observed
from judged
"""
)

_OFFENDERS = (
    _JUDGED
    + """
select metric, period_start, period_end, value,
    round(usual_from, 6) as usual_from, round(usual_to, 6) as usual_to
from judged
where value not between usual_from and usual_to
order by metric
"""
)


@dataclass(frozen=True)
class UsualValues(Evidence):
    """The newest whole period of each total is about what the season before and growth so far let expect."""

    dimension: ClassVar[str] = ACCURACY
    vacuous: ClassVar[str] = "no figure has been there long enough to tell what is usual"
    grain: str
    metrics: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return ("value",)

    def words(self, context: StageContext) -> str:
        season = SEASONS[self.grain].words
        some = f"{', '.join(self.metrics)}: " if self.metrics else ""
        return f"{some}the last whole {self.grain} is as usual, against {season} before"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        return self._bound(_EVIDENCE, context)

    def offenders(self, context: StageContext) -> exp.Query:
        return self._bound(_OFFENDERS, context)

    def _bound(self, sql: str, context: StageContext) -> exp.Query:
        query = query_in(sql)
        if self.metrics:
            figures = query.ctes[0].this
            figures.where(exp.column("metric", "figures").isin(*self.metrics), copy=False)
        return bind(query, _given(self.grain, context.as_of))


def _given(grain: str, as_of: date) -> dict[str, object]:
    """Give what the queries are bound to."""
    season = SEASONS[grain]
    return {
        "as_of": as_of,
        "grain": grain,
        "step": season.step,
        "least": season.least,
        "settling": season.settling,
        "threshold": THRESHOLD,
        "normal": _NORMAL,
        "least_spread": _LEAST_SPREAD,
    }


def unusual_sql(grain: str, as_of: date, database: str, schema: str) -> str:
    """Write SQL for the figures of the newest whole month or day that are not as usual, read elsewhere."""
    query = bind(query_in(_OFFENDERS), _given(grain, as_of))
    for table in query.find_all(exp.Table):
        if table.db == "candidates":
            table.set("db", exp.to_identifier(schema))
            table.set("catalog", exp.to_identifier(database))
    return query.sql("duckdb")


def usual_values(*metrics: str, grain: str) -> UsualValues:
    """The last whole `month` or `day` of these metrics (of all that have it, by default) is as usual."""
    if grain not in SEASONS:
        raise ValueError(f"{grain!r} has no season; {' and '.join(SEASONS)} have one")
    return UsualValues(grain, metrics)
