{{ staged_rows(
    'crm', 'service_ticket',
    key=['ticket_id'],
    version='modified_at',
    columns=[
        as_id('TicketID', 'ticket_id', required=true),
        as_id('CustomerID', 'customer_id'),
        as_id('ProductID', 'product_id'),
        as_id('EmployeeID', 'employee_id'),

        as_text('Channel', 'channel'),
        as_text('Category', 'category'),

        as_integer('ContactCount', 'contact_count'),
        as_integer('Satisfaction', 'satisfaction'),

        as_integer('IsComplaint', 'is_complaint'),

        as_timestamp('OpenedAt', 'opened_at', required=true),
        as_timestamp('FirstResponseAt', 'first_response_at'),
        as_timestamp('ResolvedAt', 'resolved_at'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
