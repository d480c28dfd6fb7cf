{{ staged_rows('erp', 'product_inventory', [
    as_id('ProductID', 'product_id'),
    as_id('LocationID', 'location_id'),
    as_text('Shelf', 'shelf'),
    as_integer('Bin', 'bin'),
    as_integer('Quantity', 'quantity', type='bigint'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
