{{ staged_rows(
    'erp', 'inventory_snapshot',
    key=['snapshot_date', 'product_id', 'location_id'],
    version='modified_at',
    columns=[
        as_id('ProductID', 'product_id', required=true),
        as_id('LocationID', 'location_id', required=true),
        as_integer('Quantity', 'quantity', type='bigint', required=true),
        as_date('SnapshotDate', 'snapshot_date', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
