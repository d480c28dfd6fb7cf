{{ staged_rows('erp', 'special_offer', [
    as_id('SpecialOfferID', 'special_offer_id'),

    as_text('Description', 'description'),
    as_text('Type', 'type'),
    as_text('Category', 'category'),

    as_decimal('DiscountPct', 'discount_fraction'),

    as_date('StartDate', 'start_date'),
    as_date('EndDate', 'end_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
