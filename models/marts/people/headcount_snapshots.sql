with days as (
    select date_day from {{ ref('time_spine_daily') }}
    where {{ is_last_day_of_month('date_day') }} or date_day = {{ as_of() }}
),

assignments as (
    select * from {{ ref('employee_departments') }}
)

select
    {{ composed_key(['days.date_day', 'assignments.employee_department_id']) }} as headcount_snapshot_id,
    days.date_day as snapshot_date,
    assignments.employee_id,
    assignments.department_id
from days
inner join assignments
    on days.date_day >= assignments.valid_from
    and (assignments.valid_to is null or days.date_day < assignments.valid_to)
