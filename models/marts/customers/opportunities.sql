{{ config(
    materialized='by_key',
    key='opportunity_id',
    reads=['stg_crm__opportunity', 'stg_crm__lead'],
    through={'stg_crm__lead': 'lead_id'},
    dated='created_date',
) }}

with opportunities as (
    select * from {{ ref('stg_crm__opportunity') }} where created_date <= {{ as_of() }} {{ and_changed() }}
),

leads as (
    select * from {{ ref('stg_crm__lead') }}
)

select
    opportunities.opportunity_id,
    opportunities.lead_id,
    leads.campaign_id,
    opportunities.customer_id,
    opportunities.sales_person_id,
    opportunities.territory_id,
    opportunities.stage,
    opportunities.amount,
    opportunities.created_date,
    opportunities.closed_date,
    {{ flag('opportunities.closed_date is not null') }} as is_closed,
    {{ flag('opportunities.is_won = 1') }} as is_won,
    cast(case when opportunities.is_won = 1 then opportunities.amount else 0 end as decimal(18, 4)) as won_amount,
    {{ days_between('opportunities.created_date', 'opportunities.closed_date') }} as sales_cycle_days,
    opportunities.order_id
from opportunities
left join leads on opportunities.lead_id = leads.lead_id
