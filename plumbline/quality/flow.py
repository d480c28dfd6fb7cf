"""Rules about the way of the rows: what landed, what was staged, what was set aside, how much is usual.

They read what landing and staging keep of every load: `landing_run.loads`, `landing_run.control_totals`,
`quarantine.reconciliation` and `quarantine.rejected_rows`. A source is named `system.table`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from plumbline.quality.context import StageContext
from plumbline.quality.evidence import Evidence, RowsAgree
from plumbline.quality.rules import COMPLETENESS, TIMELINESS, VALIDITY, Rule
from plumbline.quality.sql import bind, column, query_in, table

_READABLE = """
select
    taken.system || '.' || taken.table_name || '.' || taken.column_name as subject,
    sum(taken.not_null) as evaluated,
    sum(taken.unparsed) as unexpected,
    'total ' || sum(taken.total) as observed,
    case when sum(taken.not_null) = 0 then 'every value is empty' end as reason
from landing_run.control_totals as taken
inner join landing_run.loads as loads
    on taken.load = loads.load and taken.system = loads.system and taken.table_name = loads.table_name
where loads.is_current
group by 1
"""

_UNUSUAL = """
with placed as (
    select *, row_number() over (partition by system, table_name order by load desc) as age
    from landing_run.loads
),

before as (
    select system, table_name, median(extract_rows) as usual, count(*) as loads
    from placed
    where age between 2 and 13
    group by system, table_name
)

select
    placed.system || '.' || placed.table_name as subject,
    placed.extract_rows as evaluated,
    case
        when placed.extract_rows < before.usual / 2 or placed.extract_rows > before.usual * 2
            then placed.extract_rows
        else 0
    end as unexpected,
    'load ' || placed.load || ' has ' || placed.extract_rows || ' rows, those before '
        || cast(before.usual as bigint) || ' in the median' as observed,
    case
        when placed.mode = 'incremental' then 'its loads are increments of any size'
        when before.loads is null then 'the first load has none to compare with'
        when placed.mode = 'append' and before.usual < 20 then 'loads of few rows are too few to tell'
    end as reason
from placed
left join before on placed.system = before.system and placed.table_name = before.table_name
where placed.age = 1
"""

_RECEIVED = """
select
    loads.system || '.' || loads.table_name as subject,
    sum(loads.rows) as evaluated,
    abs(sum(loads.rows) - coalesce(max(reconciliation.landed), 0)) as unexpected,
    sum(loads.rows) || ' rows in the loads, ' || coalesce(max(reconciliation.landed), 0) || ' read by staging'
        as observed
from landing_run.loads as loads
left join quarantine.reconciliation as reconciliation
    on loads.system = reconciliation.system and loads.table_name = reconciliation.table_name
where loads.is_current
group by 1
"""

_RECONCILED = """
select
    system || '.' || table_name as subject,
    landed as evaluated,
    abs(landed - staged - duplicates - superseded - quarantined) as unexpected,
    landed || ' landed = ' || staged || ' staged + ' || duplicates || ' duplicates + ' || superseded
        || ' superseded + ' || quarantined || ' quarantined' as observed
from quarantine.reconciliation
"""

_SET_ASIDE = """
select
    system || '.' || table_name as subject,
    landed as evaluated,
    quarantined as unexpected
from quarantine.reconciliation
"""

_SET_ASIDE_ROWS = """
select load, row_number, row_key, reason
from quarantine.rejected_rows
where system || '.' || table_name = :subject
order by load, row_number
"""

_WEEKS = """
with counted as (
    select date_diff('day', cast(happened as date), :as_of) // 7 as age, count(*) as row_count
    from happenings
    where happened < :as_of + 1 and happened >= :as_of - 62
    group by 1
),

ages as (
    select unnest(range(9)) as age
),

weeks as (
    select ages.age, coalesce(counted.row_count, 0) as row_count
    from ages
    left join counted on ages.age = counted.age
),

usual as (
    select median(row_count) as usual, count(*) filter (where row_count > 0) as busy_weeks
    from weeks
    where age > 0
)

select
    greatest(weeks.row_count, round(usual.usual)) as evaluated,
    case
        when weeks.row_count < usual.usual / 2 or weeks.row_count > usual.usual * 2
            then abs(weeks.row_count - round(usual.usual))
        else 0
    end as unexpected,
    weeks.row_count || ' rows in the last 7 days, ' || cast(usual.usual as bigint)
        || ' in the median of the 8 weeks before'
        as observed,
    case
        when usual.busy_weeks < 6 then 'fewer than 6 of the 8 weeks before have rows'
        when usual.usual < 20 then 'fewer than 20 rows a week are too few to tell'
    end as reason
from weeks
cross join usual
where weeks.age = 0
"""


_SILENCE = """
with days as (
    select distinct cast(happened as date) as day
    from happenings
    where happened < :as_of + 1 and happened >= :as_of - 400
),

spells as (
    select day, date_diff('day', lag(day) over (order by day), day) as quiet_days
    from days
)

select
    count(*) as evaluated,
    case
        when date_diff('day', max(day), :as_of) > :limit
            and (:strictly or date_diff('day', max(day), :as_of) > coalesce(max(quiet_days), 0)) then 1
        else 0
    end as unexpected,
    'the newest is of ' || max(day) || ', and the longest time without any was '
        || coalesce(max(quiet_days), 0) || ' days' as observed
from spells
"""


@dataclass(frozen=True)
class SourceIsAlive(Evidence):
    """The newest business date of a source system is young enough, over all its tables with dates.

    `limit` names which of the agreed ages counts. Past 'warn' the source is late. Past 'error' it has
    stopped, unless it has been silent as long in the year before: few rows are not taken for none.
    """

    dimension: ClassVar[str] = TIMELINESS
    whole: ClassVar[bool] = True
    about_age: ClassVar[bool] = True
    system: str
    limit: str
    dates: tuple[tuple[str, str], ...]

    def touches(self, relation: str) -> tuple[tuple[str, str], ...]:
        return tuple((f"staging.stg_{self.system}__{name}", "") for name, _ in self.dates)

    def words(self, context: StageContext) -> str:
        days = self._days(context)
        if days is None:
            return f"the newest business date of {self.system} is as recent as agreed"
        return f"the newest business date of {self.system} is at most {days} days before {context.as_of}"

    def skip(self, relation: str, context: StageContext) -> str:
        if self._days(context) is None:
            return f"no freshness is agreed for {self.system}"
        tables = tuple(f"{self.system}.{name}" for name, _ in self.dates)
        absent = context.absent(tables)
        return f"no extract of {', '.join(absent)}" if absent == tables else ""

    def query(self, relation: str, context: StageContext) -> exp.Query:
        happened = [
            exp.select(exp.cast(column(day), "timestamp").as_("happened")).from_(
                table(f"staging.stg_{self.system}__{name}")
            )
            for name, day in self.dates
        ]
        every = happened[0] if len(happened) == 1 else exp.union(*happened, distinct=False)
        given = {"as_of": context.as_of, "limit": self._days(context), "strictly": self.limit == "warn"}
        silence = bind(query_in(_SILENCE), given)
        for place in list(silence.find_all(exp.Table)):
            if place.name == "happenings":
                place.replace(every.subquery("happenings"))
        return silence

    def _days(self, context: StageContext) -> int | None:
        agreed = context.agreed_freshness(self.system)
        return None if agreed is None else getattr(agreed, f"{self.limit}_after_days")


@dataclass(frozen=True)
class SteadyWeeks(Evidence):
    """The last seven days have between half and twice the rows that a week before them had."""

    dimension: ClassVar[str] = COMPLETENESS
    whole: ClassVar[bool] = True
    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    def touches(self, relation: str) -> tuple[tuple[str, str], ...]:
        return ((relation, ""),)

    def words(self, context: StageContext) -> str:
        return f"the 7 days to {context.as_of} by {self.name} have half to twice the rows of a week before"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        happenings = exp.select(column(self.name).as_("happened")).from_(table(relation))
        weeks = bind(query_in(_WEEKS), {"as_of": context.as_of})
        for place in list(weeks.find_all(exp.Table)):
            if place.name == "happenings":
                place.replace(happenings.subquery("happenings"))
        return weeks


@dataclass(frozen=True)
class OnSource(Evidence):
    """Evidence on a source table, `system.table`; the query runs once for all of them."""

    sql: ClassVar[str]
    show: ClassVar[str] = ""
    source: str

    @property
    def subject(self) -> str:
        return self.source

    def shared_by(self, relation: str) -> Hashable:
        return self.sql

    def query(self, relation: str, context: StageContext) -> exp.Query:
        return query_in(self.sql)

    def offenders(self, context: StageContext) -> exp.Query | None:
        return bind(query_in(self.show), {"subject": self.subject}) if self.show else None


@dataclass(frozen=True)
class Readable(OnSource):
    """The values of an amount are plain numbers in the extract."""

    dimension: ClassVar[str] = VALIDITY
    sql: ClassVar[str] = _READABLE
    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def subject(self) -> str:
        return f"{self.source}.{self.name}"

    def words(self, context: StageContext) -> str:
        return f"{self.name} is a plain number{self.nearly()}"


@dataclass(frozen=True)
class UsualVolume(OnSource):
    """The newest load has between half and twice the rows of those before it."""

    dimension: ClassVar[str] = COMPLETENESS
    whole: ClassVar[bool] = True
    sql: ClassVar[str] = _UNUSUAL

    def words(self, context: StageContext) -> str:
        return "the newest load has half to twice the rows of those before it"


@dataclass(frozen=True)
class Received(OnSource):
    """Staging has read every row of the current loads."""

    dimension: ClassVar[str] = COMPLETENESS
    sql: ClassVar[str] = _RECEIVED

    def words(self, context: StageContext) -> str:
        return "staging has read every row that landed"


@dataclass(frozen=True)
class Reconciled(OnSource):
    """Every landed row is staged, a duplicate, superseded or quarantined."""

    sql: ClassVar[str] = _RECONCILED

    def words(self, context: StageContext) -> str:
        return "landed = staged + duplicates + superseded + quarantined"


@dataclass(frozen=True)
class SetAside(OnSource):
    """Not too many rows are quarantined."""

    dimension: ClassVar[str] = VALIDITY
    sql: ClassVar[str] = _SET_ASIDE
    show: ClassVar[str] = _SET_ASIDE_ROWS

    def words(self, context: StageContext) -> str:
        return f"at most {100 * (1 - self.mostly):g} % of the rows are quarantined"


def arrived(source: str) -> Rule:
    """All rows that the manifests of the current loads announce are there."""
    system, _, name = source.partition(".")
    announced = f"is_current and system = '{system}' and table_name = '{name}'"
    says = "has the rows that its manifests announce"
    return RowsAgree("landing_run.loads", announced, counting="sum(rows)", says=says)


def readable(source: str, *names: str, mostly: float = 1.0) -> tuple[Rule, ...]:
    """The values of these amounts were plain numbers when they landed."""
    return tuple(Readable(source, name, mostly=mostly) for name in names)


def usual_volume(source: str) -> Rule:
    """The newest load has between half and twice the rows that the twelve before it had in the median."""
    return UsualVolume(source)


def received(source: str) -> Rule:
    """Staging has read every row of the current loads."""
    return Received(source)


def reconciled(source: str) -> Rule:
    """Every landed row was staged or set aside, and none of them twice."""
    return Reconciled(source)


def set_aside(source: str, *, at_most: float) -> Rule:
    """At most this share of the landed rows is quarantined."""
    return SetAside(source, mostly=1 - at_most)


def is_on_time(system: str, **dates: str) -> Rule:
    """The newest of these dates (table=column) is younger than the age at which the source counts as late."""
    return SourceIsAlive(system, "warn", tuple(dates.items()))


def has_not_stopped(system: str, **dates: str) -> Rule:
    """The newest of these dates is younger than the age at which the source counts as stopped.

    It may be older where the source has been silent as long before, within the last year.
    """
    return SourceIsAlive(system, "error", tuple(dates.items()))


def steady_weeks(name: str) -> Rule:
    """By this date, the last seven days have between half and twice the rows of the weeks before them."""
    return SteadyWeeks(name)
