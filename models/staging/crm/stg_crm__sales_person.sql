{{ staged_rows('crm', 'sales_person', [
    as_id('BusinessEntityID', 'sales_person_id'),
    as_id('TerritoryID', 'territory_id'),
    as_money('SalesQuota', 'sales_quota'),
    as_money('Bonus', 'bonus'),
    as_decimal('CommissionPct', 'commission_fraction'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
