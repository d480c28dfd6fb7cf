{{ config(incremental=true) }}

{{ staged_rows('erp', 'purchase_order_detail', [
    as_id('PurchaseOrderDetailID', 'purchase_order_line_id'),
    as_id('PurchaseOrderID', 'purchase_order_id'),
    as_id('ProductID', 'product_id'),

    as_decimal('OrderQty', 'ordered_quantity', scale=2),
    as_decimal('ReceivedQty', 'received_quantity', scale=2),
    as_decimal('RejectedQty', 'rejected_quantity', scale=2),
    as_decimal('StockedQty', 'stocked_quantity', scale=2),
    as_money('UnitPrice', 'unit_price'),
    as_decimal('LineTotal', 'line_total', scale=6),

    as_date('DueDate', 'due_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
], parent={'column': 'purchase_order_id', 'model': 'stg_erp__purchase_order_header', 'is': 'purchase order'}) }}
