WITH orders_rows AS (
  SELECT
    dateTrunc('WEEK', "orders".order_date) AS "metric_time__week",
    toDayOfWeek("orders".order_date) AS "metric_time__extract_dow",
    "product".category AS "product__category",
    SUM("orders".amount) AS "amount",
    SUM("orders".cost) AS "cost",
    SUM(CASE WHEN "orders".number_of_customer = 1 THEN 1 END) AS "order_count"
  FROM "warehouse"."marts"."orders" AS "orders"
  LEFT JOIN "warehouse"."marts"."products" AS "product"
    ON "orders".product_id = "product".product_id
  WHERE
    dateTrunc('QUARTER', "orders".order_date) = '2024-01-01'
    AND "orders".order_date >= CAST('2024-01-01' AS Nullable(DATE))
    AND "orders".order_date < CAST('2024-01-01' AS Nullable(DATE)) + INTERVAL '3' MONTH
  GROUP BY
    dateTrunc('WEEK', "orders".order_date),
    toDayOfWeek("orders".order_date),
    "product".category
)
SELECT
  "metric_time__week",
  "metric_time__extract_dow",
  "product__category",
  CAST("amount" - "cost" AS Nullable(Float64)) / CAST(nullIf("amount", 0) AS Nullable(Float64)) AS "margin",
  "order_count" AS "first_orders"
FROM orders_rows
ORDER BY
  "margin" DESC
LIMIT 3
SETTINGS join_use_nulls = 1
