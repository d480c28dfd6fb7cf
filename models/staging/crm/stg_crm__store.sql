{{ staged_rows('crm', 'store', [
    as_id('BusinessEntityID', 'store_id'),
    as_id('SalesPersonID', 'sales_person_id'),
    as_text('Name', 'name'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
