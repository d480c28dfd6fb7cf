{{ staged_rows(
    'crm', 'person',
    key=['person_id'],
    version='modified_at',
    columns=[
        as_id('BusinessEntityID', 'person_id', required=true),
        as_text('PersonType', 'person_type'),
        as_text('FirstName', 'first_name'),
        as_text('LastName', 'last_name'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
