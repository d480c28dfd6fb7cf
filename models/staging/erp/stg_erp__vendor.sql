{{ staged_rows(
    'erp', 'vendor',
    key=['vendor_id'],
    version='modified_at',
    columns=[
        as_id('BusinessEntityID', 'vendor_id', required=true),

        as_text('AccountNumber', 'account_number'),
        as_text('Name', 'name', required=true),

        as_integer('CreditRating', 'credit_rating'),
        as_integer('PreferredVendorStatus', 'is_preferred'),
        as_integer('ActiveFlag', 'is_active'),

        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
