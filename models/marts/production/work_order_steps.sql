{{ config(
    materialized='by_key',
    key='work_order_id',
    reads=['stg_erp__work_order_routing'],
    dated='actual_start_date',
) }}

select
    {{ composed_key(['work_order_id', 'product_id', 'operation_sequence']) }} as work_order_step_id,
    work_order_id,
    product_id,
    operation_sequence,
    location_id,
    scheduled_start_date,
    scheduled_end_date,
    actual_start_date,
    actual_end_date,
    resource_hours,
    planned_cost,
    actual_cost,
    {{ flag('actual_end_date <= scheduled_end_date') }} as is_on_schedule
from {{ ref('stg_erp__work_order_routing') }}
where actual_start_date <= {{ as_of() }} {{ and_changed() }}
