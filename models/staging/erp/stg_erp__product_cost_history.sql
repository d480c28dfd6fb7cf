{{ staged_rows('erp', 'product_cost_history', [
    as_id('ProductID', 'product_id'),
    as_money('StandardCost', 'standard_cost'),
    as_date('StartDate', 'start_date'),
    as_date('EndDate', 'end_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
