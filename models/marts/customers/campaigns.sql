select campaign_id, name, channel, start_date, end_date, budget_amount, cost_amount
from {{ ref('stg_crm__campaign') }}
where coalesce(start_date <= {{ as_of() }}, true)
