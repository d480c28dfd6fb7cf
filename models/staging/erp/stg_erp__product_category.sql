{{ staged_rows(
    'erp', 'product_category',
    key=['product_category_id'],
    version='modified_at',
    columns=[
        as_id('ProductCategoryID', 'product_category_id', required=true),
        as_text('Name', 'name', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
