{{ staged_rows(
    'oa', 'dim_department_group',
    key=['department_group_key'],
    columns=[
        as_id('DepartmentGroupKey', 'department_group_key', required=true),
        as_id('ParentDepartmentGroupKey', 'parent_department_group_key'),
        as_text('DepartmentGroupName', 'name', required=true),
    ],
) }}
