{{ staged_rows('oa', 'dim_department_group', [
    as_id('DepartmentGroupKey', 'department_group_key'),
    as_id('ParentDepartmentGroupKey', 'parent_department_group_key'),
    as_text('DepartmentGroupName', 'name'),
]) }}
