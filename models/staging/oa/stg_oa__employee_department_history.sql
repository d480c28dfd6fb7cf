{{ staged_rows('oa', 'employee_department_history', [
    as_id('BusinessEntityID', 'employee_id'),
    as_id('DepartmentID', 'department_id'),
    as_id('ShiftID', 'shift_id'),
    as_date('StartDate', 'start_date'),
    as_date('EndDate', 'end_date'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
