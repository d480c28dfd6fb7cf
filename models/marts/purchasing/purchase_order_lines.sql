{{ config(
    materialized='by_key',
    key='purchase_order_id',
    reads=['stg_erp__purchase_order_detail', 'stg_erp__purchase_order_header'],
    through={'stg_erp__purchase_order_header': 'purchase_order_id'},
) }}

-- depends_on: {{ ref('stg_erp__purchase_order_header') }}

with purchase_orders as (
    select * from {{ ref('purchase_orders') }}
),

purchase_order_details as (
    select * from {{ ref('stg_erp__purchase_order_detail') }}
    where true {{ and_changed() }}
)

select
    purchase_order_details.purchase_order_line_id,
    purchase_order_details.purchase_order_id,
    purchase_orders.vendor_id,
    purchase_order_details.product_id,
    purchase_orders.order_date,
    purchase_order_details.due_date,
    purchase_orders.ship_date,
    cast(purchase_order_details.ordered_quantity as decimal(18, 2)) as ordered_quantity,
    purchase_order_details.received_quantity,
    purchase_order_details.rejected_quantity,
    purchase_order_details.stocked_quantity,
    purchase_order_details.unit_price,
    purchase_order_details.line_total as line_amount,
    case
        when purchase_orders.ship_date is not null and purchase_order_details.due_date is not null
            then {{ flag('purchase_orders.ship_date <= purchase_order_details.due_date') }}
    end as is_on_time
from purchase_order_details
inner join purchase_orders on purchase_order_details.purchase_order_id = purchase_orders.purchase_order_id
