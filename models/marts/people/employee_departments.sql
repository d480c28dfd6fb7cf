select
    {{ composed_key(['employee_id', 'department_id', 'shift_id', 'start_date']) }} as employee_department_id,
    employee_id,
    department_id,
    start_date as valid_from,
    {{ day_after('end_date') }} as valid_to
from {{ ref('stg_oa__employee_department_history') }}
where start_date <= {{ as_of() }}
