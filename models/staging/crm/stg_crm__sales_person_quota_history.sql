{{ staged_rows(
    'crm', 'sales_person_quota_history',
    key=['sales_person_id', 'quota_date'],
    version='modified_at',
    columns=[
        as_id('BusinessEntityID', 'sales_person_id', required=true),
        as_money('SalesQuota', 'quota_amount', required=true),
        as_date('QuotaDate', 'quota_date', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
