with quotas as (
    select * from {{ ref('sales_quotas') }}
),

sales_people as (
    select * from {{ ref('sales_people') }}
),

budgets as (
    select * from {{ ref('budgets') }} where scenario = 'Budget' and account_type in ('Revenue', 'Expenditures')
),

quarterly_quotas as (
    select
        {{ first_day_of_period("'quarter'", 'quota_date') }} as period_start,
        sales_person_id,
        sum(quota_amount) as figure,
        min(quota_date) as measured_from,
        {{ add_days('max(quota_end_date)', -1) }} as measured_to
    from quotas
    group by sales_person_id, {{ first_day_of_period("'quarter'", 'quota_date') }}
),

monthly_budgets as (
    select
        {{ first_day_of_period("'month'", 'finance_date') }} as period_start,
        case when account_type = 'Revenue' then 'revenue_actual' else 'expenditure_actual' end as metric,
        department_group,
        sum(budget_amount) as figure
    from budgets
    group by department_group, account_type, {{ first_day_of_period("'month'", 'finance_date') }}
),

targets as (
    select
        'quota_attained_sales' as metric, 'quarter' as grain, quarterly_quotas.period_start,
        'sales_person__sales_person_id' as dimension, cast(quarterly_quotas.sales_person_id as varchar) as member,
        quarterly_quotas.figure, quarterly_quotas.measured_from, quarterly_quotas.measured_to,
        'sales_quotas' as source, sales_people.name as owner
    from quarterly_quotas
    left join sales_people on quarterly_quotas.sales_person_id = sales_people.sales_person_id
    union all
    select
        'quota_attained_sales' as metric, 'quarter' as grain, period_start, '' as dimension, '' as member,
        sum(figure) as figure, min(measured_from) as measured_from, max(measured_to) as measured_to,
        'sales_quotas' as source, null as owner
    from quarterly_quotas
    group by period_start
    union all
    select
        metric, 'month' as grain, period_start, 'budget__department_group' as dimension, department_group as member,
        figure, period_start as measured_from, {{ last_day_of_period("'month'", 'period_start') }} as measured_to,
        'budgets' as source, null as owner
    from monthly_budgets
    where department_group is not null
    union all
    select
        metric, 'month' as grain, period_start, '' as dimension, '' as member, sum(figure) as figure,
        period_start as measured_from, {{ last_day_of_period("'month'", 'period_start') }} as measured_to,
        'budgets' as source, null as owner
    from monthly_budgets
    group by metric, period_start
)

select
    metric,
    grain,
    period_start,
    {{ last_day_of_period('grain', 'period_start') }} as period_end,
    dimension,
    member,
    figure,
    measured_from,
    measured_to,
    source,
    owner
from targets
