select store_id, name, sales_person_id
from {{ ref('stg_crm__store') }}
