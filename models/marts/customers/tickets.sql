{{ config(
    materialized='by_key',
    key='ticket_id',
    reads=['stg_crm__service_ticket'],
    dated='cast(opened_at as date)',
) }}

with tickets as (
    select *, cast(opened_at as date) as opened_date from {{ ref('stg_crm__service_ticket') }}
)

select
    ticket_id,
    customer_id,
    product_id,
    employee_id,
    channel,
    category,
    {{ flag('is_complaint = 1') }} as is_complaint,
    opened_at,
    opened_date,
    first_response_at,
    resolved_at,
    {{ minutes_between('opened_at', 'first_response_at') }} as response_minutes,
    {{ minutes_between('opened_at', 'resolved_at') }} as resolution_minutes,
    contact_count,
    {{ flag('resolved_at is not null') }} as is_resolved,
    {{ flag('resolved_at is not null and contact_count = 1') }} as is_first_contact_resolved,
    satisfaction,
    case when satisfaction is not null then {{ flag('satisfaction >= 4') }} end as is_satisfied
from tickets
where opened_date <= {{ as_of() }} {{ and_changed() }}
