with products as (
    select * from {{ ref('stg_erp__product') }}
),

snapshots as (
    select snapshot_date, product_id, location_id, quantity
    from {{ ref('stg_erp__inventory_snapshot') }}
    where snapshot_date <= {{ as_of() }}
),

-- What the ERP system holds now stands for the as-of day, unless that day has a snapshot of its own.
present_stock as (
    select {{ as_of() }} as snapshot_date, product_id, location_id, quantity
    from {{ ref('stg_erp__product_inventory') }}
    where not exists (select 1 from snapshots where snapshots.snapshot_date = {{ as_of() }})
),

stock as (
    select * from snapshots
    union all
    select * from present_stock
)

select
    {{ composed_key(['stock.snapshot_date', 'stock.product_id', 'stock.location_id']) }} as inventory_id,
    stock.snapshot_date,
    stock.product_id,
    stock.location_id,
    stock.quantity,
    products.standard_cost,
    try_cast(cast(products.standard_cost as decimal(38, 4)) * stock.quantity as decimal(18, 4)) as inventory_value,
    {{ flag('stock.quantity <= 0') }} as is_stock_out,
    {{ flag('stock.quantity < products.safety_stock') }} as is_below_safety
from stock
left join products on stock.product_id = products.product_id
