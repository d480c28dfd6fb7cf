{{ staged_rows(
    'erp', 'special_offer',
    key=['special_offer_id'],
    version='modified_at',
    columns=[
        as_id('SpecialOfferID', 'special_offer_id', required=true),

        as_text('Description', 'description', required=true),
        as_text('Type', 'type'),
        as_text('Category', 'category'),

        as_decimal('DiscountPct', 'discount_fraction'),

        as_date('StartDate', 'start_date'),
        as_date('EndDate', 'end_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
