{%- for staged in staging_models() %}
select
    '{{ staged.system }}' as system,
    '{{ staged.table }}' as table_name,
    _load as load,
    _row_number as row_number,
    _row_key as row_key,
    _reason as reason
from {{ staged.base }}
where _verdict = 'quarantined'
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
