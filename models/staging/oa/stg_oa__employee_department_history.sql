{{ staged_rows(
    'oa', 'employee_department_history',
    key=['employee_id', 'department_id', 'shift_id', 'start_date'],
    version='modified_at',
    columns=[
        as_id('BusinessEntityID', 'employee_id', required=true),
        as_id('DepartmentID', 'department_id', required=true),
        as_id('ShiftID', 'shift_id'),
        as_date('StartDate', 'start_date', required=true),
        as_date('EndDate', 'end_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
