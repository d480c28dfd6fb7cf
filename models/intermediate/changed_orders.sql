{#- The orders that order_lines and orders have to build anew; nothing when they have not been built yet. -#}
{%- set order_headers = base_of(ref('stg_erp__sales_order_header')) -%}
{%- set order_details = base_of(ref('stg_erp__sales_order_detail')) -%}
{%- set costs = ref('costs_in_force') -%}

{%- set built_before = is_run() and relation_exists(progress()) and relation_exists(costs_remembered()) -%}

{%- if flags.FULL_REFRESH or not built_before %}

select cast(null as bigint) as order_id, cast(null as boolean) as is_changed
from {{ source('run', 'context') }}
where false

{%- else %}

with progress as (
    select min(judged_load) as judged_load, min(as_of) as as_of
    from {{ progress() }}
    where model in ('order_lines', 'orders')
),

costs_before as (
    select * from {{ costs_remembered() }}
),

costs_now as (
    select * from {{ costs }}
),

gone_costs as (
    select * from costs_before
    except
    select * from costs_now
),

new_costs as (
    select * from costs_now
    except
    select * from costs_before
),

recosted_products as (
    select product_id from gone_costs
    union
    select product_id from new_costs
),

changed as (
    select order_id from {{ order_headers }} where _judged_load > (select judged_load from progress)
    union
    select order_id from {{ order_details }} where _judged_load > (select judged_load from progress)
    union
    select order_id from {{ order_details }} where product_id in (select product_id from recosted_products)
    union
    select order_id from {{ order_headers }}
    where order_date > (select as_of from progress) and order_date <= {{ as_of() }}
),

-- Order numbers count within a customer: the other orders of the customers, before and now, are numbered anew.
customers as (
    select distinct customer_id from {{ order_headers }} where order_id in (select order_id from changed)
)

select order_id, true as is_changed
from changed
where order_id is not null
union all
select order_id, false as is_changed
from {{ ref('stg_erp__sales_order_header') }}
where
    customer_id in (select customer_id from customers)
    and order_id not in (select order_id from changed where order_id is not null)

{%- endif %}
