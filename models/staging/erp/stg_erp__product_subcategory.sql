{{ staged_rows(
    'erp', 'product_subcategory',
    key=['product_subcategory_id'],
    version='modified_at',
    columns=[
        as_id('ProductSubcategoryID', 'product_subcategory_id', required=true),
        as_id('ProductCategoryID', 'product_category_id', required=true),
        as_text('Name', 'name', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
