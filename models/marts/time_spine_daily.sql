{%- set business_dates = [
    ('orders', 'order_date'), ('sales_quotas', 'quota_date'), ('store_traffic', 'traffic_date'),
    ('leads', 'created_date'), ('opportunities', 'created_date'), ('tickets', 'opened_date'), ('calls', 'call_date'),
    ('purchase_orders', 'order_date'), ('work_orders', 'start_date'), ('work_order_steps', 'actual_start_date'),
    ('inventory_daily', 'snapshot_date'), ('machine_days', 'run_date'), ('approval_steps', 'started_date'),
    ('budgets', 'finance_date'),
] -%}

with first_dates as (
    {%- for mart, column in business_dates %}
    select min({{ column }}) as first_date from {{ ref(mart) }}
    union all
    {%- endfor %}
    select {{ as_of() }} as first_date
),

-- A single absurd date must not make the calendar thousands of years long.
bounds as (
    select
        greatest(min(first_date), {{ add_months(as_of(), -600) }}) as first_date,
        {{ as_of() }} as last_date
    from first_dates
)

{{ days_from_to('first_date', 'last_date') }}
from bounds
