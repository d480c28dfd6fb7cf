{{ config(incremental=true) }}

{{ staged_rows('crm', 'store_traffic', [
    as_id('StoreID', 'store_id'),

    as_integer('Visitors', 'visitors', type='bigint'),
    as_integer('Transactions', 'transactions', type='bigint'),
    as_integer('PromotionVisitors', 'promotion_visitors', type='bigint'),

    as_date('TrafficDate', 'traffic_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
