{{ config(incremental=true) }}

{{ staged_rows('erp', 'work_order', [
    as_id('WorkOrderID', 'work_order_id'),
    as_id('ProductID', 'product_id'),
    as_id('ScrapReasonID', 'scrap_reason_id'),

    as_integer('OrderQty', 'planned_quantity', type='bigint'),
    as_integer('StockedQty', 'stocked_quantity', type='bigint'),
    as_integer('ScrappedQty', 'scrapped_quantity', type='bigint'),

    as_date('StartDate', 'start_date'),
    as_date('EndDate', 'end_date'),
    as_date('DueDate', 'due_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
