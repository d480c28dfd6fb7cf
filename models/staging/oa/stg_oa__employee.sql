{{ staged_rows(
    'oa', 'employee',
    key=['employee_id'],
    version='modified_at',
    columns=[
        as_id('BusinessEntityID', 'employee_id', required=true),

        as_text('LoginID', 'login'),
        as_text('JobTitle', 'job_title'),
        as_text('Gender', 'gender'),

        as_integer('OrganizationLevel', 'organization_level'),

        as_integer('CurrentFlag', 'is_current'),

        as_date('BirthDate', 'birth_date'),
        as_date('HireDate', 'hire_date'),
        as_timestamp('ModifiedDate', 'modified_at'),
    ],
) }}
