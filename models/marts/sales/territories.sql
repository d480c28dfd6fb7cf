select territory_id, name, country_code, region_group
from {{ ref('stg_crm__sales_territory') }}
