{{ staged_rows(
    'erp', 'product_cost_history',
    key=['product_id', 'start_date'],
    version='modified_at',
    columns=[
        as_id('ProductID', 'product_id', required=true),
        as_money('StandardCost', 'standard_cost', required=true),
        as_date('StartDate', 'start_date', required=true),
        as_date('EndDate', 'end_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
