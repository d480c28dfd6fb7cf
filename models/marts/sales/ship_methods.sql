select ship_method_id, name
from {{ ref('stg_erp__ship_method') }}
