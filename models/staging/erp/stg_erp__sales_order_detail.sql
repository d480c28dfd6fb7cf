{{ config(incremental=true) }}

{{ staged_rows('erp', 'sales_order_detail', [
    as_id('SalesOrderDetailID', 'order_line_id'),
    as_id('SalesOrderID', 'order_id'),
    as_id('ProductID', 'product_id'),
    as_id('SpecialOfferID', 'special_offer_id'),

    as_integer('OrderQty', 'quantity'),
    as_money('UnitPrice', 'unit_price'),
    as_decimal('UnitPriceDiscount', 'unit_discount', precision=9),
    as_decimal('LineTotal', 'line_total', scale=6),

    as_timestamp('ModifiedDate', 'modified_at'),
], parent={'column': 'order_id', 'model': 'stg_erp__sales_order_header', 'is': 'order'}) }}
