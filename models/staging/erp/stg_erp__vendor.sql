{{ staged_rows('erp', 'vendor', [
    as_id('BusinessEntityID', 'vendor_id'),

    as_text('AccountNumber', 'account_number'),
    as_text('Name', 'name'),

    as_integer('CreditRating', 'credit_rating'),
    as_integer('PreferredVendorStatus', 'is_preferred'),
    as_integer('ActiveFlag', 'is_active'),

    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
