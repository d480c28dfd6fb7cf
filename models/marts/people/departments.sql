select department_id, name, group_name
from {{ ref('stg_oa__department') }}
