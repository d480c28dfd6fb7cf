{{ staged_rows(
    'erp', 'work_order',
    key=['work_order_id'],
    version='modified_at',
    columns=[
        as_id('WorkOrderID', 'work_order_id', required=true),
        as_id('ProductID', 'product_id', required=true),
        as_id('ScrapReasonID', 'scrap_reason_id'),

        as_integer('OrderQty', 'planned_quantity', type='bigint', required=true),
        as_integer('StockedQty', 'stocked_quantity', type='bigint', required=true),
        as_integer('ScrappedQty', 'scrapped_quantity', type='bigint', required=true),

        as_date('StartDate', 'start_date', required=true),
        as_date('EndDate', 'end_date'),
        as_date('DueDate', 'due_date', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
