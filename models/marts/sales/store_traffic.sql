select
    {{ composed_key(['store_id', 'traffic_date']) }} as store_traffic_id,
    store_id,
    traffic_date,
    visitors,
    transactions,
    promotion_visitors
from {{ ref('stg_crm__store_traffic') }}
where traffic_date <= {{ as_of() }}
