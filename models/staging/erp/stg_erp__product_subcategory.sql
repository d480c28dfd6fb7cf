{{ staged_rows('erp', 'product_subcategory', [
    as_id('ProductSubcategoryID', 'product_subcategory_id'),
    as_id('ProductCategoryID', 'product_category_id'),
    as_text('Name', 'name'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
