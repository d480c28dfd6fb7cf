{{ staged_rows(
    'crm', 'campaign',
    key=['campaign_id'],
    version='modified_at',
    columns=[
        as_id('CampaignID', 'campaign_id', required=true),

        as_text('Name', 'name', required=true),
        as_text('Channel', 'channel'),

        as_money('Budget', 'budget_amount'),
        as_money('Cost', 'cost_amount', required=true),

        as_date('StartDate', 'start_date'),
        as_date('EndDate', 'end_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
