{{ staged_rows('crm', 'campaign', [
    as_id('CampaignID', 'campaign_id'),

    as_text('Name', 'name'),
    as_text('Channel', 'channel'),

    as_money('Budget', 'budget_amount'),
    as_money('Cost', 'cost_amount'),

    as_date('StartDate', 'start_date'),
    as_date('EndDate', 'end_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
