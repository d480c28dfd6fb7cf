select location_id, name, cost_rate
from {{ ref('stg_erp__location') }}
