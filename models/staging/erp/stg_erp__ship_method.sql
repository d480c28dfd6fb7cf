{{ staged_rows(
    'erp', 'ship_method',
    key=['ship_method_id'],
    version='modified_at',
    columns=[
        as_id('ShipMethodID', 'ship_method_id', required=true),
        as_text('Name', 'name', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
