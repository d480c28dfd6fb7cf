{{ config(
    materialized='by_key',
    key='purchase_order_id',
    reads=['stg_erp__purchase_order_header'],
) }}

select
    purchase_order_id,
    vendor_id,
    employee_id,
    ship_method_id,
    order_date,
    ship_date,
    status,
    case status
        when 1 then 'pending'
        when 2 then 'approved'
        when 3 then 'rejected'
        when 4 then 'complete'
    end as status_name,
    subtotal,
    tax_amount,
    freight,
    total_due,
    {{ flag('status in (2, 3, 4)') }} as is_decided,
    {{ flag('status in (2, 4)') }} as is_approved
from {{ ref('stg_erp__purchase_order_header') }}
where true {{ and_changed() }}
