{{ staged_rows(
    'oa', 'dim_organization',
    key=['organization_key'],
    columns=[
        as_id('OrganizationKey', 'organization_key', required=true),
        as_id('ParentOrganizationKey', 'parent_organization_key'),
        as_text('OrganizationName', 'name', required=true),
    ],
) }}
