with products as (
    select * from {{ ref('stg_erp__product') }}
),

cost_history as (
    select * from {{ ref('stg_erp__product_cost_history') }}
),

boundaries as (
    select product_id, date '0001-01-01' as valid_from from products
    union
    select product_id, date '0001-01-01' as valid_from from cost_history
    union
    select product_id, start_date as valid_from from cost_history
    union
    select product_id, {{ day_after('end_date') }} as valid_from
    from cost_history
    where end_date < date '9999-01-01'
),

segments as (
    select
        product_id,
        valid_from,
        lead(valid_from) over (partition by product_id order by valid_from) as valid_to
    from boundaries
),

costed_segments as (
    select
        segments.product_id,
        segments.valid_from,
        segments.valid_to,
        coalesce(cost_history.standard_cost, products.standard_cost) as unit_cost,
        row_number() over (
            partition by segments.product_id, segments.valid_from
            order by cost_history.start_date desc nulls last
        ) as newest_first
    from segments
    left join cost_history
        on segments.product_id = cost_history.product_id
        and segments.valid_from >= cost_history.start_date
        and (cost_history.end_date is null or segments.valid_from <= cost_history.end_date)
    left join products on segments.product_id = products.product_id
)

select product_id, valid_from, valid_to, unit_cost
from costed_segments
where newest_first = 1
