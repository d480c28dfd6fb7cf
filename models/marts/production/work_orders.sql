{{ config(
    materialized='by_key',
    key='work_order_id',
    reads=['stg_erp__work_order'],
    dated='start_date',
) }}

select
    work_order_id,
    product_id,
    scrap_reason_id,
    start_date,
    end_date,
    due_date,
    planned_quantity,
    stocked_quantity,
    scrapped_quantity,
    {{ days_between('start_date', 'end_date') }} as cycle_days,
    {{ flag('end_date <= due_date') }} as is_on_time
from {{ ref('stg_erp__work_order') }}
where start_date <= {{ as_of() }} {{ and_changed() }}
