{{ config(
    materialized='by_key',
    key='customer_id',
    reads=['stg_crm__customer', 'stg_crm__person', 'stg_crm__store', 'stg_erp__sales_order_header'],
    through={
        'stg_crm__person': 'person_id',
        'stg_crm__store': 'store_id',
        'stg_erp__sales_order_header': 'customer_id',
    },
    dated={'stg_erp__sales_order_header': 'order_date'},
    dates_every_row='as_of_date',
) }}

-- depends_on: {{ ref('stg_erp__sales_order_header') }}
with customers as (
    select * from {{ ref('stg_crm__customer') }} where true {{ and_changed() }}
),

persons as (
    select * from {{ ref('stg_crm__person') }}
),

stores as (
    select * from {{ ref('stg_crm__store') }}
),

purchases as (
    select
        customer_id,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date,
        cast(count(*) as integer) as order_count,
        sum(subtotal) as lifetime_sales
    from {{ ref('orders') }}
    where true {{ and_changed() }}
    group by customer_id
)

select
    customers.customer_id,
    customers.account_number,
    case when customers.store_id is not null then stores.name else {{ person_name('persons') }} end as name,
    case when customers.store_id is not null then 'store' else 'person' end as customer_type,
    customers.territory_id,
    purchases.first_order_date,
    purchases.last_order_date,
    coalesce(purchases.order_count, 0) as order_count,
    {{ flag('purchases.order_count >= 1') }} as has_ordered,
    {{ flag('purchases.order_count >= 2') }} as is_repeat,
    cast(coalesce(purchases.lifetime_sales, 0) as decimal(38, 4)) as lifetime_sales,
    {{ as_of() }} as as_of_date
from customers
left join persons on customers.person_id = persons.person_id
left join stores on customers.store_id = stores.store_id
left join purchases on customers.customer_id = purchases.customer_id
