select scrap_reason_id, name
from {{ ref('stg_erp__scrap_reason') }}
