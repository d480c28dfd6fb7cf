with products as (
    select * from {{ ref('stg_erp__product') }}
),

subcategories as (
    select * from {{ ref('stg_erp__product_subcategory') }}
),

categories as (
    select * from {{ ref('stg_erp__product_category') }}
)

select
    products.product_id,
    products.name,
    products.product_number,
    subcategories.name as subcategory,
    categories.name as category,
    products.color,
    products.product_line,
    products.standard_cost,
    products.list_price,
    products.safety_stock,
    coalesce(products.is_made = 1, false) as is_made,
    products.sell_start_date
from products
left join subcategories on products.product_subcategory_id = subcategories.product_subcategory_id
left join categories on subcategories.product_category_id = categories.product_category_id
