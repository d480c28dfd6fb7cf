select
    call_id,
    call_date,
    shift,
    wage_type,
    operators,
    calls,
    automatic_responses,
    orders,
    issues_raised,
    cast(calls * abandoned_fraction as decimal(18, 6)) as abandoned_calls
from {{ ref('stg_crm__call_center') }}
where call_date <= {{ as_of() }}
