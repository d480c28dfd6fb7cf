{{ staged_rows('crm', 'sales_person_quota_history', [
    as_id('BusinessEntityID', 'sales_person_id'),
    as_money('SalesQuota', 'quota_amount'),
    as_date('QuotaDate', 'quota_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
