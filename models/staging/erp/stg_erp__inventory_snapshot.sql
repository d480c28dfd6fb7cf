{{ config(incremental=true) }}

{{ staged_rows('erp', 'inventory_snapshot', [
    as_id('ProductID', 'product_id'),
    as_id('LocationID', 'location_id'),
    as_integer('Quantity', 'quantity', type='bigint'),
    as_date('SnapshotDate', 'snapshot_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
