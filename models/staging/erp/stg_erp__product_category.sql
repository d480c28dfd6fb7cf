{{ staged_rows('erp', 'product_category', [
    as_id('ProductCategoryID', 'product_category_id'),
    as_text('Name', 'name'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
