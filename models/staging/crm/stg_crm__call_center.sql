{{ staged_rows(
    'crm', 'call_center',
    key=['call_id'],
    amounts=[as_amount(['calls', 'abandoned_fraction'], scale=6)],
    columns=[
        as_id('FactCallCenterID', 'call_id', required=true),

        as_text('WageType', 'wage_type'),
        as_text('Shift', 'shift'),

        as_integer('TotalOperators', 'operators'),
        as_integer('Calls', 'calls', type='bigint', required=true),
        as_integer('AutomaticResponses', 'automatic_responses'),
        as_integer('Orders', 'orders'),
        as_integer('IssuesRaised', 'issues_raised', type='bigint', required=true),
        as_integer('AverageTimePerIssue', 'average_seconds_per_issue'),
        as_decimal('ServiceGrade', 'abandoned_fraction', scale=12, scientific=true, required=true),

        as_date('Date', 'call_date', required=true),
    ],
) }}
