{{ config(
    materialized='by_key',
    key='lead_id',
    reads=['stg_crm__lead'],
    dated='created_date',
) }}

select
    lead_id,
    campaign_id,
    channel,
    territory_id,
    created_date,
    converted_date,
    customer_id,
    {{ flag('converted_date is not null') }} as is_converted,
    {{ days_between('created_date', 'converted_date') }} as days_to_convert
from {{ ref('stg_crm__lead') }}
where created_date <= {{ as_of() }} {{ and_changed() }}
