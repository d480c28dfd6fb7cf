{{ staged_rows(
    'crm', 'sales_person',
    key=['sales_person_id'],
    version='modified_at',
    columns=[
        as_id('BusinessEntityID', 'sales_person_id', required=true),
        as_id('TerritoryID', 'territory_id'),
        as_money('SalesQuota', 'sales_quota'),
        as_money('Bonus', 'bonus'),
        as_decimal('CommissionPct', 'commission_fraction'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
