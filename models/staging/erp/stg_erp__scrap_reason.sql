{{ staged_rows(
    'erp', 'scrap_reason',
    key=['scrap_reason_id'],
    version='modified_at',
    columns=[
        as_id('ScrapReasonID', 'scrap_reason_id', required=true),
        as_text('Name', 'name', required=true),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
