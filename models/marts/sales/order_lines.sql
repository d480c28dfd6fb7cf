{{ config(
    materialized='by_key',
    key='order_id',
    changes='changed_orders',
    changes_where='is_changed',
    reads=['stg_erp__sales_order_header', 'stg_erp__sales_order_detail'],
    post_hook='{{ remember_costs() }}',
) }}

{% set changes_only = only_changes() -%}

with order_headers as (
    select * from {{ ref('stg_erp__sales_order_header') }}
    where
        order_date <= {{ as_of() }}
        {%- if changes_only %}
        and order_id in (select order_id from {{ ref('changed_orders') }} where is_changed)
        {%- endif %}
),

order_details as (
    select * from {{ ref('stg_erp__sales_order_detail') }}
    {%- if changes_only %}
    where order_id in (select order_id from {{ ref('changed_orders') }} where is_changed)
    {%- endif %}
),

costs_in_force as (
    select * from {{ ref('costs_in_force') }}
),

costed_lines as (
    select
        order_details.order_line_id,
        order_details.order_id,
        order_headers.order_date,
        order_headers.customer_id,
        order_details.product_id,
        order_headers.sales_person_id,
        order_headers.territory_id,
        order_details.special_offer_id,
        order_headers.is_online,
        order_details.quantity,
        order_details.unit_price,
        order_details.unit_discount,
        order_details.line_total as net_amount,
        costs_in_force.unit_cost
    from order_details
    inner join order_headers on order_details.order_id = order_headers.order_id
    left join costs_in_force
        on order_details.product_id = costs_in_force.product_id
        and order_headers.order_date >= costs_in_force.valid_from
        and (costs_in_force.valid_to is null or order_headers.order_date < costs_in_force.valid_to)
)

select
    order_line_id,
    order_id,
    order_date,
    customer_id,
    product_id,
    sales_person_id,
    territory_id,
    special_offer_id,
    {{ sales_channel('is_online') }} as channel,
    quantity,
    unit_price,
    unit_discount,
    cast(unit_price * quantity as decimal(18, 4)) as gross_amount,
    cast(unit_price * quantity * unit_discount as decimal(18, 8)) as discount_amount,
    net_amount,
    unit_cost,
    try_cast(cast(unit_cost as decimal(38, 4)) * quantity as decimal(18, 4)) as cost_amount,
    try_cast(net_amount - cast(unit_cost as decimal(38, 4)) * quantity as decimal(18, 6)) as gross_profit,
    quantity < 0 as is_refund,
    cast(case when quantity < 0 then -net_amount else 0 end as decimal(18, 6)) as refund_amount
from costed_lines
