{{ config(
    materialized='by_key',
    key='order_id',
    changes='changed_orders',
    reads=['stg_erp__sales_order_header'],
    is_one_row_per_key=true,
) }}

{% set changes_only = only_changes() -%}

with changed_headers as {{ computed_once() if changes_only }} (
    select * from {{ ref('stg_erp__sales_order_header') }}
    {%- if changes_only %}
    where order_id in (select order_id from {{ ref('changed_orders') }})
    {%- endif %}
),

order_headers as (
    select * from changed_headers where order_date <= {{ as_of() }}
),

numbered_orders as (
    select
        order_headers.*,
        cast(row_number() over (partition by customer_id order by order_date, order_id) as integer)
            as customer_order_number
    from order_headers
)

select
    order_id,
    order_number,
    order_date,
    due_date,
    ship_date,
    customer_id,
    sales_person_id,
    territory_id,
    ship_method_id,
    {{ sales_channel('is_online') }} as channel,
    status,
    subtotal,
    tax_amount,
    freight,
    total_due,
    {{ days_between('order_date', 'ship_date') }} as days_to_ship,
    ship_date is not null as is_shipped,
    coalesce(ship_date <= due_date, false) as is_on_time,
    customer_order_number,
    customer_order_number = 1 as is_first_order
from numbered_orders
