select
    {{ composed_key(['machine_id', 'run_date']) }} as machine_day_id,
    machine_id,
    machine_name,
    location_id,
    run_date,
    planned_minutes,
    run_minutes,
    down_minutes,
    good_units,
    total_units
from {{ ref('stg_erp__machine_run_time') }}
where run_date <= {{ as_of() }}
