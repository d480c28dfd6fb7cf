"""What must be true of targets: each is there once, for a metric that there is, and parts add up."""

from expectations.owners import FINANCE
from plumbline.quality import (
    critical,
    evidence,
    holds,
    never_empty,
    not_before,
    one_of,
    refers_to,
    suite,
    unique,
    warning,
)
from plumbline.quality.rules import Rule

KEY = ("metric", "grain", "period_start", "dimension", "member")

# Sums and counts; not distinct counts, medians, stocks at a day, nor what is computed from others.
ADDITIVE = """
    indicator.type = 'simple'
    and (indicator.formula like 'sum of %' or indicator.formula like 'number of %')
    and indicator.formula not like '%at the last snapshot'
"""

MEMBERS_AND_COMPANY = f"""
with parts as (
    select target.metric, target.grain, target.period_start, target.dimension, sum(target.value) as added_up
    from candidates.target as target
    inner join candidates.indicator as indicator on target.metric = indicator.name
    where target.dimension <> '' and {ADDITIVE}
    group by all
),

compared as (
    select parts.*, whole.value as target
    from parts
    inner join candidates.target as whole
        on parts.metric = whole.metric
        and parts.grain = whole.grain
        and parts.period_start = whole.period_start
        and whole.dimension = ''
)
"""

MONTHS_AND_LONGER_PERIODS = f"""
with parts as (
    select
        long.metric,
        long.grain,
        long.period_start,
        long.dimension,
        long.member,
        long.value as target,
        sum(month.value) as added_up,
        count(*) as months
    from candidates.target as long
    inner join candidates.target as month
        on long.metric = month.metric
        and long.dimension = month.dimension
        and long.member = month.member
        and month.grain = 'month'
        and month.period_start between long.period_start and long.period_end
    inner join candidates.indicator as indicator on long.metric = indicator.name
    where long.grain in ('quarter', 'year') and {ADDITIVE}
    group by all
),

compared as (
    select * from parts where months = case grain when 'quarter' then 3 else 12 end
)
"""

_DIFFER = "abs(added_up - target) > 0.005 * abs(target)"


def _adds_up(compared: str, says: str) -> Rule:
    counted = f"""
    select
        count(*) as evaluated,
        count(*) filter (where {_DIFFER}) as unexpected,
        count(distinct metric) || ' metrics compared' as observed,
        case when count(*) = 0 then 'no whole has a target beside those of its parts' end as reason
    from compared
    """
    shown = f"select * from compared where {_DIFFER} order by metric, period_start, grain, dimension"
    return evidence(compared + counted, says, about=("value",), show=compared + shown)


PERIOD_TARGETS = suite(
    "marts.period_targets",
    critical(
        unique("period_target_id"),
        never_empty("period_target_id", *KEY, "rule", "figure", "deadline", "source"),
        why="A target that is there twice has two lights.",
        todo="Look for two rows of seeds/targets.csv about the same period; `plumb lint` names them.",
    ),
    critical(
        one_of("rule", "is", "last_year_times", "last_year_plus"),
        one_of("grain", "day", "week", "month", "quarter", "year"),
        not_before("period_end", "period_start"),
        not_before("measured_to", "measured_from"),
        not_before("deadline", "period_start"),
        why="A target belongs to a period, and has a deadline.",
        todo="Correct the row in seeds/targets.csv.",
    ),
    owner=FINANCE,
    key="period_target_id",
    may_be_empty=True,
)

LIGHT_THRESHOLDS = suite(
    "marts.light_thresholds",
    critical(
        unique("metric"),
        never_empty("metric", "measured_by", "amber", "red"),
        one_of("measured_by", "attainment", "value"),
        why="A light changes at one amber and one red bound.",
        todo="Correct the row in seeds/thresholds.csv.",
    ),
    owner=FINANCE,
    key="metric",
    may_be_empty=True,
)

TARGETS = suite(
    "candidates.target",
    critical(
        unique(*KEY),
        never_empty(*KEY, "value", "deadline"),
        one_of("light", "green", "amber", "red"),
        holds("light is null or actual is not null", "no light without a value"),
        why="Readers find one target for a figure, and one light.",
    ),
    critical(
        refers_to("metric", "candidates.indicator.name"),
        why="A target of a metric that is not defined is a target of nothing.",
        todo="Name a metric of the library in seeds/targets.csv.",
        dimension="validity",
    ),
    warning(
        _adds_up(MEMBERS_AND_COMPANY, "the targets of members add up to that of the company, within 0.5 %"),
        _adds_up(MONTHS_AND_LONGER_PERIODS, "those of months add up to quarter and year, within 0.5 %"),
        why="When everybody meets the own target, and the company misses its, the targets were cut wrongly.",
        todo="Compare the rows shown in seeds/targets.csv, or quotas and budgets at their source.",
        dimension="consistency",
    ),
    owner=FINANCE,
    key=KEY,
    may_be_empty=True,
)
