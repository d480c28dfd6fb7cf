with employees as (
    select * from {{ ref('stg_oa__employee') }}
),

persons as (
    select * from {{ ref('stg_crm__person') }}
),

departments as (
    select * from {{ ref('departments') }}
),

open_assignments as (
    select
        employee_id,
        department_id,
        row_number() over (
            partition by employee_id order by valid_from desc, employee_department_id asc
        ) as newest_first
    from {{ ref('employee_departments') }}
    where valid_to is null or valid_to > {{ as_of() }}
)

select
    employees.employee_id,
    employees.login,
    coalesce({{ person_name('persons') }}, employees.login) as name,
    employees.job_title,
    employees.gender,
    employees.birth_date,
    employees.hire_date,
    coalesce(employees.is_current = 1, false) as is_current,
    open_assignments.department_id,
    departments.name as department_name
from employees
left join persons on employees.employee_id = persons.person_id
left join open_assignments
    on employees.employee_id = open_assignments.employee_id and open_assignments.newest_first = 1
left join departments on open_assignments.department_id = departments.department_id
