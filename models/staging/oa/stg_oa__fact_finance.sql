{{ staged_rows('oa', 'fact_finance', [
    as_id('FinanceKey', 'finance_key'),
    as_id('OrganizationKey', 'organization_key'),
    as_id('DepartmentGroupKey', 'department_group_key'),
    as_id('ScenarioKey', 'scenario_key'),
    as_id('AccountKey', 'account_key'),
    as_money('Amount', 'amount'),
    as_date('Date', 'finance_date'),
]) }}
