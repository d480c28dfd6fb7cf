{{ staged_rows(
    'crm', 'store_traffic',
    key=['store_id', 'traffic_date'],
    version='modified_at',
    columns=[
        as_id('StoreID', 'store_id', required=true),

        as_integer('Visitors', 'visitors', type='bigint', required=true),
        as_integer('Transactions', 'transactions', type='bigint'),
        as_integer('PromotionVisitors', 'promotion_visitors', type='bigint'),

        as_date('TrafficDate', 'traffic_date', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
