{{ staged_rows(
    'crm', 'lead',
    key=['lead_id'],
    version='modified_at',
    columns=[
        as_id('LeadID', 'lead_id', required=true),
        as_id('CampaignID', 'campaign_id'),
        as_id('TerritoryID', 'territory_id'),
        as_id('CustomerID', 'customer_id'),

        as_text('Channel', 'channel'),
        as_text('Status', 'status'),

        as_date('CreatedDate', 'created_date', required=true),
        as_date('ConvertedDate', 'converted_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
