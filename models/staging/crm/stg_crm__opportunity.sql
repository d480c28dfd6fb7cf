{{ staged_rows(
    'crm', 'opportunity',
    key=['opportunity_id'],
    version='modified_at',
    columns=[
        as_id('OpportunityID', 'opportunity_id', required=true),
        as_id('LeadID', 'lead_id'),
        as_id('CustomerID', 'customer_id'),
        as_id('SalesPersonID', 'sales_person_id'),
        as_id('TerritoryID', 'territory_id'),
        as_id('SalesOrderID', 'order_id'),

        as_text('Stage', 'stage'),

        as_money('Amount', 'amount', required=true),

        as_integer('IsWon', 'is_won'),

        as_date('CreatedDate', 'created_date', required=true),
        as_date('ClosedDate', 'closed_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
