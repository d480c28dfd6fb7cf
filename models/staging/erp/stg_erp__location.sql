{{ staged_rows('erp', 'location', [
    as_id('LocationID', 'location_id'),
    as_text('Name', 'name'),
    as_money('CostRate', 'cost_rate'),
    as_money('Availability', 'availability'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
