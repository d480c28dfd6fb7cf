{{ staged_rows('erp', 'scrap_reason', [
    as_id('ScrapReasonID', 'scrap_reason_id'),
    as_text('Name', 'name'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
