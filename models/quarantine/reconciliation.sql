with verdicts as (
    {%- for staged in staging_models() %}
    select '{{ staged.system }}' as system, '{{ staged.table }}' as table_name, _verdict, count(*) as row_count
    from {{ staged.base }}
    group by _verdict
    union all
    select '{{ staged.system }}' as system, '{{ staged.table }}' as table_name, 'kept' as _verdict, 0 as row_count
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- Counted when it landed, so that a row lost on the way from there to the verdict shows.
landed as (
    select system, table_name, sum(rows) as row_count
    from {{ source('run', 'loads') }}
    where is_current
    group by system, table_name
)

select
    verdicts.system,
    verdicts.table_name,
    cast(coalesce(max(landed.row_count), 0) as bigint) as landed,
    cast(sum(case when verdicts._verdict = 'kept' then verdicts.row_count else 0 end) as bigint) as staged,
    cast(sum(case when verdicts._verdict = 'duplicate' then verdicts.row_count else 0 end) as bigint) as duplicates,
    cast(sum(case when verdicts._verdict = 'superseded' then verdicts.row_count else 0 end) as bigint) as superseded,
    cast(sum(case when verdicts._verdict = 'quarantined' then verdicts.row_count else 0 end) as bigint) as quarantined
from verdicts
left join landed on verdicts.system = landed.system and verdicts.table_name = landed.table_name
group by verdicts.system, verdicts.table_name
