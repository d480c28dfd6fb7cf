with maintained as (
    select
        trim(metric) as metric,
        trim(grain) as grain,
        period_start,
        coalesce(period_end, {{ last_day_of_period('trim(grain)', 'period_start') }}) as span_end,
        coalesce(trim(dimension), '') as dimension,
        coalesce(trim(member), '') as member,
        coalesce(nullif(trim(rule), ''), 'is') as rule,
        value as figure,
        deadline,
        nullif(trim(owner), '') as owner,
        nullif(trim(note), '') as note
    from {{ ref('targets') }}
    where {{ is_of_this_company('company') }}
),

targets_from_data as (
    select * from {{ ref('targets_from_data') }}
),

-- Goals further ahead wait: no plan is that long, and a slip of the pen may be.
bounds as (
    select
        min(period_start) as first_date,
        least(max(span_end), {{ add_months(as_of(), 60) }}) as last_date
    from maintained
),

days as (
    {{ days_from_to('first_date', 'last_date') }}
    from bounds
),

maintained_periods as (
    select
        maintained.metric,
        maintained.grain,
        days.date_day as period_start,
        {{ last_day_of_period('maintained.grain', 'days.date_day') }} as period_end,
        maintained.dimension,
        maintained.member,
        maintained.rule,
        maintained.figure,
        maintained.span_end,
        maintained.deadline,
        maintained.owner,
        maintained.note
    from maintained
    inner join days on days.date_day between maintained.period_start and maintained.span_end
    where {{ first_day_of_period('maintained.grain', 'days.date_day') }} = days.date_day
),

every_source as (
    select
        metric, grain, period_start, period_end, dimension, member, rule, figure,
        period_start as measured_from,
        period_end as measured_to,
        case when period_end = span_end then deadline else period_end end as deadline,
        'maintained' as source, owner, note
    from maintained_periods
    union all
    select
        metric, grain, period_start, period_end, dimension, member, 'is' as rule, figure, measured_from, measured_to,
        measured_to as deadline, source, owner, null as note
    from targets_from_data
),

-- What people decided stands before what the systems say.
ranked as (
    select
        every_source.*,
        row_number() over (
            partition by metric, grain, period_start, dimension, member
            order by case source when 'maintained' then 1 else 2 end, source, figure
        ) as place
    from every_source
)

select
    {{ composed_key(['metric', 'grain', 'period_start', 'dimension', 'member']) }} as period_target_id,
    metric,
    grain,
    period_start,
    cast(period_end as date) as period_end,
    dimension,
    member,
    rule,
    cast(figure as decimal(38, 12)) as figure,
    measured_from,
    cast(measured_to as date) as measured_to,
    cast(deadline as date) as deadline,
    source,
    owner,
    note
from ranked
where place = 1
