{{ staged_rows('crm', 'person', [
    as_id('BusinessEntityID', 'person_id'),
    as_text('PersonType', 'person_type'),
    as_text('FirstName', 'first_name'),
    as_text('LastName', 'last_name'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
