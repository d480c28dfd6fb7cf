{{ staged_rows(
    'erp', 'purchase_order_detail',
    key=['purchase_order_line_id'],
    version='modified_at',
    parent={'column': 'purchase_order_id', 'model': 'stg_erp__purchase_order_header', 'is': 'purchase order'},
    columns=[
        as_id('PurchaseOrderDetailID', 'purchase_order_line_id', required=true),
        as_id('PurchaseOrderID', 'purchase_order_id', required=true),
        as_id('ProductID', 'product_id', required=true),

        as_integer('OrderQty', 'ordered_quantity', required=true),
        as_decimal('ReceivedQty', 'received_quantity', scale=2, required=true),
        as_decimal('RejectedQty', 'rejected_quantity', scale=2, required=true),
        as_decimal('StockedQty', 'stocked_quantity', scale=2),
        as_money('UnitPrice', 'unit_price', required=true),
        as_decimal('LineTotal', 'line_total', scale=6, required=true),

        as_date('DueDate', 'due_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
