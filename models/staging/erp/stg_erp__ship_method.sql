{{ staged_rows('erp', 'ship_method', [
    as_id('ShipMethodID', 'ship_method_id'),
    as_text('Name', 'name'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
