{{ config(
    materialized='by_key',
    key='request_id',
    reads=['stg_oa__approval_step'],
    dated='cast(started_at as date)',
) }}

with steps as (
    select
        *,
        cast(started_at as date) as started_date,
        lag(ended_at) over (partition by request_id order by started_at, step_number) as previous_ended_at
    from {{ ref('stg_oa__approval_step') }}
    where true {{ and_changed() }}
)

select
    {{ composed_key(['request_id', 'step_number']) }} as approval_step_id,
    request_id,
    request_type,
    step_number,
    step_name,
    actor_id,
    department_id,
    started_at,
    started_date,
    ended_at,
    outcome,
    case
        when previous_ended_at > started_at then 0
        else {{ minutes_between('previous_ended_at', 'started_at') }}
    end as waiting_minutes,
    {{ minutes_between('started_at', 'ended_at') }} as processing_minutes,
    {{ flag("outcome = 'returned'") }} as is_rework
from steps
where started_date <= {{ as_of() }}
