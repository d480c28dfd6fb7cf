{{ staged_rows(
    'crm', 'customer',
    key=['customer_id'],
    version='modified_at',
    columns=[
        as_id('CustomerID', 'customer_id', required=true),
        as_id('PersonID', 'person_id'),
        as_id('StoreID', 'store_id'),
        as_id('TerritoryID', 'territory_id'),
        as_text('AccountNumber', 'account_number'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
