WITH "orders_rows" AS (
  SELECT
    DATE_TRUNC('WEEK', "orders".order_date) AS "metric_time__week",
    DATE_PART(DAYOFWEEKISO, "orders".order_date) AS "metric_time__extract_dow",
    "product".category AS "product__category",
    SUM("orders".amount) AS "amount",
    SUM("orders".cost) AS "cost",
    SUM(CASE WHEN "orders".number_of_customer = 1 THEN 1 END) AS "order_count"
  FROM "warehouse"."marts"."orders" AS "orders"
  LEFT JOIN "warehouse"."marts"."products" AS "product"
    ON "orders".product_id = "product".product_id
  WHERE
    DATE_TRUNC('QUARTER', "orders".order_date) = '2024-01-01'
    AND "orders".order_date >= CAST('2024-01-01' AS DATE)
    AND "orders".order_date < CAST('2024-01-01' AS DATE) + INTERVAL '3 MONTH'
  GROUP BY
    DATE_TRUNC('WEEK', "orders".order_date),
    DATE_PART(DAYOFWEEKISO, "orders".order_date),
    "product".category
)
SELECT
  "metric_time__week",
  "metric_time__extract_dow",
  "product__category",
  CAST("amount" - "cost" AS DOUBLE) / CAST(NULLIF("amount", 0) AS DOUBLE) AS "margin",
  "order_count" AS "first_orders"
FROM "orders_rows"
ORDER BY
  "margin" DESC NULLS LAST
LIMIT 3
