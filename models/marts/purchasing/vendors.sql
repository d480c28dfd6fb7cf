select
    vendor_id,
    name,
    credit_rating,
    coalesce(is_preferred = 1, false) as is_preferred,
    coalesce(is_active = 1, false) as is_active
from {{ ref('stg_erp__vendor') }}
