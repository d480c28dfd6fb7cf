select special_offer_id, description as name, type, category
from {{ ref('stg_erp__special_offer') }}
