{{ config(
    materialized='by_key',
    key='request_id',
    reads=['stg_oa__approval_step'],
    dated='cast(started_at as date)',
) }}

with steps as (
    select * from {{ ref('stg_oa__approval_step') }} where cast(started_at as date) <= {{ as_of() }} {{ and_changed() }}
),

placed_steps as (
    select
        steps.*,
        row_number() over (partition by request_id order by started_at, step_number) as first_to_last,
        row_number() over (partition by request_id order by started_at desc, step_number desc) as last_to_first
    from steps
),

requests as (
    select
        request_id,
        min(case when first_to_last = 1 then request_type end) as request_type,
        min(case when first_to_last = 1 then department_id end) as department_id,
        max(amount) as amount,
        min(started_at) as submitted_at,
        max(ended_at) as last_ended_at,
        min(case when last_to_first = 1 then outcome end) as outcome,
        cast(count(*) as integer) as step_count,
        sum({{ flag('ended_at is null') }}) as open_steps,
        max({{ flag("outcome = 'returned'") }}) as has_rework
    from placed_steps
    group by request_id
),

decided_requests as (
    select
        requests.*,
        case when open_steps = 0 and outcome in ('approved', 'rejected') then last_ended_at end as completed_at
    from requests
)

select
    request_id,
    request_type,
    department_id,
    amount,
    submitted_at,
    cast(submitted_at as date) as submitted_date,
    completed_at,
    outcome,
    step_count,
    {{ minutes_between('submitted_at', 'completed_at') }} as approval_minutes,
    {{ flag('completed_at is not null') }} as is_completed,
    {{ flag(minutes_between('submitted_at', 'completed_at') ~ ' <= ' ~ var('approval_sla_hours') * 60) }}
        as is_within_sla,
    has_rework
from decided_requests
