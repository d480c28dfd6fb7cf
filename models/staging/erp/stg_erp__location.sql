{{ staged_rows(
    'erp', 'location',
    key=['location_id'],
    version='modified_at',
    columns=[
        as_id('LocationID', 'location_id', required=true),
        as_text('Name', 'name', required=true),
        as_money('CostRate', 'cost_rate'),
        as_money('Availability', 'availability'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
