{{ staged_rows(
    'erp', 'purchase_order_header',
    key=['purchase_order_id'],
    version='modified_at',
    columns=[
        as_id('PurchaseOrderID', 'purchase_order_id', required=true),
        as_id('VendorID', 'vendor_id', required=true),
        as_id('EmployeeID', 'employee_id'),
        as_id('ShipMethodID', 'ship_method_id'),

        as_integer('RevisionNumber', 'revision_number'),
        as_integer('Status', 'status', required=true),
        as_money('SubTotal', 'subtotal', required=true),
        as_money('TaxAmt', 'tax_amount'),
        as_money('Freight', 'freight'),
        as_money('TotalDue', 'total_due', required=true),

        as_date('OrderDate', 'order_date', required=true),
        as_date('ShipDate', 'ship_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
