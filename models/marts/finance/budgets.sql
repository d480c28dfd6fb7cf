with finance as (
    select * from {{ ref('stg_oa__fact_finance') }} where finance_date <= {{ as_of() }}
),

organizations as (
    select * from {{ ref('stg_oa__dim_organization') }}
),

department_groups as (
    select * from {{ ref('stg_oa__dim_department_group') }}
),

accounts as (
    select * from {{ ref('stg_oa__dim_account') }}
),

scenarios as (
    select * from {{ ref('stg_oa__dim_scenario') }}
)

select
    cast(finance.finance_key as varchar) as budget_id,
    finance.finance_date,
    organizations.name as organization_name,
    department_groups.name as department_group,
    accounts.name as account_name,
    accounts.account_type,
    scenarios.name as scenario,
    finance.amount,
    cast(case when scenarios.name = 'Actual' then finance.amount else 0 end as decimal(18, 4)) as actual_amount,
    cast(case when scenarios.name = 'Budget' then finance.amount else 0 end as decimal(18, 4)) as budget_amount
from finance
left join organizations on finance.organization_key = organizations.organization_key
left join department_groups on finance.department_group_key = department_groups.department_group_key
left join accounts on finance.account_key = accounts.account_key
left join scenarios on finance.scenario_key = scenarios.scenario_key
