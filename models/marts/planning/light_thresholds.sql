with thresholds as (
    select * from {{ ref('thresholds') }} where {{ is_of_this_company('company') }}
)

select trim(metric) as metric, trim(measured_by) as measured_by, amber, red, note
from thresholds
