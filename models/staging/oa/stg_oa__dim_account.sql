{{ staged_rows('oa', 'dim_account', [
    as_id('AccountKey', 'account_key'),
    as_id('ParentAccountKey', 'parent_account_key'),
    as_text('AccountDescription', 'name'),
    as_text('AccountType', 'account_type'),
    as_text('Operator', 'operator'),
]) }}
