{{ staged_rows(
    'crm', 'store',
    key=['store_id'],
    version='modified_at',
    columns=[
        as_id('BusinessEntityID', 'store_id', required=true),
        as_id('SalesPersonID', 'sales_person_id'),
        as_text('Name', 'name', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
