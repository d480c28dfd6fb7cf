{{ staged_rows(
    'crm', 'sales_territory',
    key=['territory_id'],
    version='modified_at',
    columns=[
        as_id('TerritoryID', 'territory_id', required=true),
        as_text('Name', 'name', required=true),
        as_text('CountryRegionCode', 'country_code'),
        as_text('Group', 'region_group'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
