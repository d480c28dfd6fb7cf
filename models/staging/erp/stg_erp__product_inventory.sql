{{ staged_rows(
    'erp', 'product_inventory',
    key=['product_id', 'location_id'],
    version='modified_at',
    columns=[
        as_id('ProductID', 'product_id', required=true),
        as_id('LocationID', 'location_id', required=true),
        as_text('Shelf', 'shelf'),
        as_integer('Bin', 'bin'),
        as_integer('Quantity', 'quantity', type='bigint', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
