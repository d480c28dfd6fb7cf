{{ staged_rows(
    'oa', 'department',
    key=['department_id'],
    version='modified_at',
    columns=[
        as_id('DepartmentID', 'department_id', required=true),
        as_text('Name', 'name', required=true),
        as_text('GroupName', 'group_name'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
