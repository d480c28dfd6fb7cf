select
    project_id,
    name,
    department_id,
    planned_start,
    planned_end,
    actual_end,
    {{ flag('planned_end <= ' ~ as_of()) }} as is_due,
    {{ flag('actual_end is not null') }} as is_completed,
    {{ flag('actual_end <= planned_end') }} as is_on_time
from {{ ref('stg_oa__project') }}
