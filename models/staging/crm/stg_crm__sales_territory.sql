{{ staged_rows('crm', 'sales_territory', [
    as_id('TerritoryID', 'territory_id'),
    as_text('Name', 'name'),
    as_text('CountryRegionCode', 'country_code'),
    as_text('Group', 'region_group'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
