{{ staged_rows(
    'oa', 'fact_finance',
    key=['finance_key'],
    columns=[
        as_id('FinanceKey', 'finance_key', required=true),
        as_id('OrganizationKey', 'organization_key', required=true),
        as_id('DepartmentGroupKey', 'department_group_key', required=true),
        as_id('ScenarioKey', 'scenario_key', required=true),
        as_id('AccountKey', 'account_key', required=true),
        as_money('Amount', 'amount', required=true),
        as_date('Date', 'finance_date', required=true),
    ],
) }}
