{{ staged_rows('oa', 'project', [
    as_id('ProjectID', 'project_id'),
    as_id('DepartmentID', 'department_id'),

    as_text('Name', 'name'),
    as_text('Status', 'status'),

    as_date('PlannedStart', 'planned_start'),
    as_date('PlannedEnd', 'planned_end'),
    as_date('ActualEnd', 'actual_end'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
