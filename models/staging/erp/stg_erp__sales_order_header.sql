{{ staged_rows(
    'erp', 'sales_order_header',
    key=['order_id'],
    version='modified_at',
    columns=[
        as_id('SalesOrderID', 'order_id', required=true),
        as_id('CustomerID', 'customer_id', required=true),
        as_id('SalesPersonID', 'sales_person_id'),
        as_id('TerritoryID', 'territory_id'),
        as_id('ShipMethodID', 'ship_method_id'),

        as_text('SalesOrderNumber', 'order_number'),

        as_integer('RevisionNumber', 'revision_number'),
        as_integer('Status', 'status'),
        as_integer('OnlineOrderFlag', 'is_online', required=true),
        as_money('SubTotal', 'subtotal', required=true),
        as_money('TaxAmt', 'tax_amount'),
        as_money('Freight', 'freight'),
        as_money('TotalDue', 'total_due', required=true),

        as_date('OrderDate', 'order_date', required=true),
        as_date('DueDate', 'due_date', required=true),
        as_date('ShipDate', 'ship_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
