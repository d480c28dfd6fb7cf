{{ staged_rows('oa', 'dim_organization', [
    as_id('OrganizationKey', 'organization_key'),
    as_id('ParentOrganizationKey', 'parent_organization_key'),
    as_text('OrganizationName', 'name'),
]) }}
