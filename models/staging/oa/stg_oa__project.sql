{{ staged_rows(
    'oa', 'project',
    key=['project_id'],
    version='modified_at',
    columns=[
        as_id('ProjectID', 'project_id', required=true),
        as_id('DepartmentID', 'department_id'),

        as_text('Name', 'name', required=true),
        as_text('Status', 'status'),

        as_date('PlannedStart', 'planned_start'),
        as_date('PlannedEnd', 'planned_end', required=true),
        as_date('ActualEnd', 'actual_end'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
