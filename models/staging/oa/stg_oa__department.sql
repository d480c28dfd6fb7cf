{{ staged_rows('oa', 'department', [
    as_id('DepartmentID', 'department_id'),
    as_text('Name', 'name'),
    as_text('GroupName', 'group_name'),
    as_timestamp('ModifiedDate', 'modified_at'),
]) }}
