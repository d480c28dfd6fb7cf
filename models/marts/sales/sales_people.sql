with sales_people as (
    select * from {{ ref('stg_crm__sales_person') }}
),

employees as (
    select * from {{ ref('employees') }}
),

persons as (
    select * from {{ ref('stg_crm__person') }}
)

select
    sales_people.sales_person_id,
    coalesce({{ person_name('persons') }}, employees.name) as name,
    sales_people.territory_id,
    employees.job_title,
    employees.department_id,
    employees.department_name
from sales_people
left join employees on sales_people.sales_person_id = employees.employee_id
left join persons on sales_people.sales_person_id = persons.person_id
