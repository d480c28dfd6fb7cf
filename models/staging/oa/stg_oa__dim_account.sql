{{ staged_rows(
    'oa', 'dim_account',
    key=['account_key'],
    columns=[
        as_id('AccountKey', 'account_key', required=true),
        as_id('ParentAccountKey', 'parent_account_key'),
        as_text('AccountDescription', 'name', required=true),
        as_text('AccountType', 'account_type'),
        as_text('Operator', 'operator'),
    ],
) }}
