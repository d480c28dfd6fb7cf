{{ staged_rows(
    'erp', 'sales_order_detail',
    key=['order_line_id'],
    version='modified_at',
    amounts=[
        as_amount(['unit_price', 'quantity']),
        as_amount(['unit_price', 'quantity', 'unit_discount'], scale=8),
    ],
    parent={'column': 'order_id', 'model': 'stg_erp__sales_order_header', 'is': 'order'},
    columns=[
        as_id('SalesOrderDetailID', 'order_line_id', required=true),
        as_id('SalesOrderID', 'order_id', required=true),
        as_id('ProductID', 'product_id', required=true),
        as_id('SpecialOfferID', 'special_offer_id'),

        as_integer('OrderQty', 'quantity', required=true),
        as_money('UnitPrice', 'unit_price', required=true),
        as_decimal('UnitPriceDiscount', 'unit_discount', precision=9, required=true),
        as_decimal('LineTotal', 'line_total', scale=6, required=true),

        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
