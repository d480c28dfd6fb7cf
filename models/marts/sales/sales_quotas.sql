with quotas as (
    select * from {{ ref('stg_crm__sales_person_quota_history') }} where quota_date <= {{ as_of() }}
),

orders as (
    select * from {{ ref('orders') }}
),

quota_dates as (
    select distinct quota_date from quotas
),

windows as (
    select
        quota_date,
        coalesce(lead(quota_date) over (order by quota_date), {{ add_months('quota_date', 3) }}) as quota_end_date
    from quota_dates
),

daily_sales as (
    select sales_person_id, order_date, sum(subtotal) as sales_amount
    from orders
    where sales_person_id is not null
    group by sales_person_id, order_date
),

attained as (
    select daily_sales.sales_person_id, windows.quota_date, sum(daily_sales.sales_amount) as attained_amount
    from daily_sales
    inner join windows
        on daily_sales.order_date >= windows.quota_date and daily_sales.order_date < windows.quota_end_date
    group by daily_sales.sales_person_id, windows.quota_date
)

select
    {{ composed_key(['quotas.sales_person_id', 'quotas.quota_date']) }} as sales_quota_id,
    quotas.sales_person_id,
    quotas.quota_date,
    windows.quota_end_date,
    quotas.quota_amount,
    cast(coalesce(attained.attained_amount, 0) as decimal(38, 4)) as attained_amount
from quotas
inner join windows on quotas.quota_date = windows.quota_date
left join attained
    on quotas.sales_person_id = attained.sales_person_id and quotas.quota_date = attained.quota_date
