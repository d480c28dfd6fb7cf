{{ staged_rows('erp', 'purchase_order_header', [
    as_id('PurchaseOrderID', 'purchase_order_id'),
    as_id('VendorID', 'vendor_id'),
    as_id('EmployeeID', 'employee_id'),
    as_id('ShipMethodID', 'ship_method_id'),

    as_integer('RevisionNumber', 'revision_number'),
    as_integer('Status', 'status'),
    as_money('SubTotal', 'subtotal'),
    as_money('TaxAmt', 'tax_amount'),
    as_money('Freight', 'freight'),
    as_money('TotalDue', 'total_due'),

    as_date('OrderDate', 'order_date'),
    as_date('ShipDate', 'ship_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
