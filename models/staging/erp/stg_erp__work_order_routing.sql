{{ staged_rows(
    'erp', 'work_order_routing',
    key=['work_order_id', 'product_id', 'operation_sequence'],
    version='modified_at',
    columns=[
        as_id('WorkOrderID', 'work_order_id', required=true),
        as_id('ProductID', 'product_id', required=true),
        as_id('LocationID', 'location_id', required=true),

        as_integer('OperationSequence', 'operation_sequence', required=true),
        as_decimal('ActualResourceHrs', 'resource_hours'),
        as_money('PlannedCost', 'planned_cost'),
        as_money('ActualCost', 'actual_cost'),

        as_date('ScheduledStartDate', 'scheduled_start_date'),
        as_date('ScheduledEndDate', 'scheduled_end_date', required=true),
        as_date('ActualStartDate', 'actual_start_date', required=true),
        as_date('ActualEndDate', 'actual_end_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
