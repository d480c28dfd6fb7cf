{#
  The rows of one source table with the verdict on each: kept, duplicate, superseded or quarantined.

  A snapshot may have landed as several loads, each with what it had besides the one before. Rows that a later one no
  longer has (landing_run.gone_rows) are superseded: they stand for nothing, however their keys and versions are. Of
  rows with one key and version, the one that its owner has released (landing_run.released_rows) is kept.

  `columns` says how each column is read (columns.sql); `key` and `version` are the columns that tell rows and their
  versions apart; lineage finds them in the model's meta (orchestration/lineage.py). `parent` names the column and the
  staging model without whose row a row means nothing:
  {'column': 'order_id', 'model': 'stg_erp__sales_order_header', 'is': 'order'}. `amounts` are products of columns that
  marts compute.
#}
{% macro staged_rows(system, table, key, columns, version=none, parent=none, amounts=()) -%}
    {%- do config(meta={'judged_by': {'key': key, 'version': version}}) -%}
    {%- set landed = source(system, table) -%}
    {%- do source('run', 'loads') -%}
    {%- do source('run', 'gone_rows') -%}
    {%- do source('run', 'released_rows') -%}
    {%- set parents = ref(parent.model) if parent else none -%}
    {%- if execute -%}
        {%- set required = columns | selectattr('required') | map(attribute='name') | list -%}
        {%- set rules = {'key': key, 'version': version, 'required': required, 'amounts': amounts} -%}
        {{ judged_rows(landed, columns, rules, parent, parents, staged_scope(system, table, parents)) }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}

{% macro judged_rows(landed, columns, rules, parent, parents, scope) -%}
{%- set names = columns | map(attribute='name') | list -%}
{%- set business = names | join(', ') -%}
{%- set key = rules.key | join(', ') -%}
{%- set version = rules.version or 'cast(null as timestamp)' -%}
with plainly_read as (
    select
        {%- for column in columns %}
        {%- set text = 'landed.' ~ adapter.quote(column.source) %}
        {%- if column.kind == 'text' %}
        {{ cleaned_text(text) }} as {{ column.name }},
        {%- else %}
        {{ text }} as landed_{{ loop.index }},
        {{ try_plain_value(text, column.kind, column.type) }} as plain_{{ loop.index }},
        {%- endif %}
        {%- endfor %}
        landed._load,
        landed._row_number
    from {{ landed }} as landed
    {%- if scope.is_partial %}
    where landed._load in ({{ scope.new_loads | join(', ') or 'null' }})
    {%- endif %}
),

cleaned as (
    select
        {%- for column in columns %}
        {%- if column.kind == 'text' %}
        {{ column.name }},
        {%- else %}
        plain_{{ loop.index }},
        case when plain_{{ loop.index }} is null then {{ cleaned_text('landed_' ~ loop.index) }} end as text_{{ loop.index }},
        {%- endif %}
        {%- endfor %}
        _load,
        _row_number
    from plainly_read
),

typed as (
    select
        {%- for column in columns %}
        {%- if column.kind == 'text' %}
        {{ column.name }},
        {%- else %}
        coalesce(plain_{{ loop.index }}, {{ try_value('text_' ~ loop.index, column.kind, column.type) }}) as {{ column.name }},
        text_{{ loop.index }},
        {%- endif %}
        {%- endfor %}
        _load,
        _row_number
    from cleaned
),

landed_rows as {{ computed_once() }} (
    select
        {{ business }},
        _load,
        _row_number,
        {{ problem_of(columns, rules) }} as _problem
    from typed
),

{% if scope.has_gone -%}
gone_rows as (
    select load, row_number, gone_with
    from {{ source('run', 'gone_rows') }}
    where system = '{{ landed.schema | replace('landing_', '', 1) }}' and table_name = '{{ landed.identifier }}'
),

{% endif -%}
{% if scope.has_released -%}
released_rows as (
    select load as _released_load, row_number as _released_row, max(release) as _release
    from {{ source('run', 'released_rows') }}
    where system = '{{ landed.schema | replace('landing_', '', 1) }}' and table_name = '{{ landed.identifier }}'
    group by load, row_number
),

{% endif -%}
{% if scope.is_partial -%}
{% if parent -%}
-- Few rows: of the parents, which may be many, only theirs are looked for.
waiting_rows as {{ computed_once() }} (
    select {{ key }}, {{ parent.column }} as _parent
    from {{ base_of(this) }}
    where _verdict = 'quarantined' and _problem is null
),

{% endif -%}
touched_keys as (
    select distinct {{ key }} from landed_rows where _problem is null
    {%- if scope.has_gone %}
    union
    select base.{{ rules.key | join(', base.') }}
    from {{ base_of(this) }} as base
    inner join gone_rows on base._load = gone_rows.load and base._row_number = gone_rows.row_number
    where base._problem is null and gone_rows.gone_with in ({{ scope.new_loads | join(', ') or 'null' }})
    {%- endif %}
    {%- if parent %}
    union
    select {{ key }} from waiting_rows
    where
        _parent in (
            select {{ parent.column }} from {{ parents }}
            where {{ parent.column }} in ({{ few_values('_parent', 'waiting_rows') }})
        )
    {%- if scope.parents_have_gone %}
    union
    select {{ key }} from {{ base_of(this) }}
    where _problem is null and {{ parent.column }} not in (select {{ parent.column }} from {{ parents }})
    {%- endif %}
    {%- endif %}
),

known_rows as (
    select base.*
    from {{ base_of(this) }} as base
    inner join touched_keys on {{ same_key('base', 'touched_keys', rules) }}
    where base._problem is null
    union all
    select base.* from {{ base_of(this) }} as base
    where
        base._problem is not null
        and (
            exists (select 1 from landed_rows where landed_rows._problem is not null)
            {%- if scope.has_gone %}
            or exists (
                select 1 from gone_rows where gone_rows.gone_with in ({{ scope.new_loads | join(', ') or 'null' }})
            )
            {%- endif %}
        )
),

{{ 'ever_rows' if scope.has_gone else 'all_rows' }} as (
    select {{ business }}, _load, _row_number, _problem from landed_rows
    union all
    select {{ business }}, _load, _row_number, _problem from known_rows
),
{%- else -%}
{{ 'ever_rows' if scope.has_gone else 'all_rows' }} as (
    select * from landed_rows
),
{%- endif %}

{% if scope.has_gone -%}
all_rows as (
    select ever_rows.*
    from ever_rows
    left join gone_rows on ever_rows._load = gone_rows.load and ever_rows._row_number = gone_rows.row_number
    where gone_rows.load is null
),

{% endif -%}
{% if parent -%}
placed_rows as (
    select
        all_rows.*,
        all_rows._problem is null and parents.{{ parent.column }} is null as _is_orphan
    from all_rows
    {%- if scope.is_partial %}
    left join (
        select {{ parent.column }} from {{ parents }}
        where {{ parent.column }} in ({{ few_values(parent.column, 'all_rows') }})
    ) as parents on all_rows.{{ parent.column }} = parents.{{ parent.column }}
    {%- else %}
    left join {{ parents }} as parents on all_rows.{{ parent.column }} = parents.{{ parent.column }}
    {%- endif %}
),
{%- else -%}
placed_rows as (
    select all_rows.*, false as _is_orphan from all_rows
),
{%- endif %}

repeated_keys as (
    select {{ key }}
    from placed_rows
    where _problem is null
    group by {{ key }}
    having count(*) > 1
),

-- Only rows that share their key, and bad rows, can be anything but kept or orphans: the rest needs no sorting.
contested_rows as (
    select placed_rows.*
    from placed_rows
    inner join repeated_keys on {{ same_key('placed_rows', 'repeated_keys', rules) }}
    where placed_rows._problem is null
    union all
    select placed_rows.* from placed_rows where placed_rows._problem is not null
),

repeats as (
    select
        contested_rows.*,
        row_number() over first_to_last as _repeat,
        first_value(_load) over first_to_last as _first_load,
        first_value(_row_number) over first_to_last as _first_row,
        first_value(_load) over last_to_first as _last_load,
        first_value(_row_number) over last_to_first as _last_row
    from contested_rows
    window
        first_to_last as (partition by {{ business }}, _problem order by _load, _row_number),
        last_to_first as (partition by {{ business }}, _problem order by _load desc, _row_number desc)
),

versions as (
    select
        {{ business }},
        _load,
        _row_number,
        _last_load,
        {{ version }} as _version,
        row_number() over newest_first as _rank,
        first_value({{ version }}) over newest_first as _newest_version,
        first_value(_load) over newest_first as _newest_load,
        first_value(_row_number) over newest_first as _newest_row,
        {%- if scope.has_released %}
        first_value(_release) over newest_first as _newest_release,
        {%- endif %}
        first_value(_last_load) over newest_first as _newest_last_load
    from repeats
    {%- if scope.has_released %}
    left join released_rows on _load = _released_load and _row_number = _released_row
    {%- endif %}
    where _repeat = 1 and _problem is null and not _is_orphan
    window newest_first as (
        partition by {{ key }}
        order by
            {{ version }} desc nulls last,
            {%- if scope.has_released %}
            {%- if not scope.is_snapshot %}
            case when {{ version }} is null then _last_load end desc nulls last,
            {%- endif %}
            _release desc nulls last,
            {%- endif %}
            _last_load desc,
            _last_row desc
    )
),

set_aside as (
    select
        {{ key }},
        _load,
        _row_number,
        'duplicate' as _verdict,
        {{ text_of(["'repeats load '", '_first_load', "' row '", '_first_row']) }} as _reason
    from repeats
    where _repeat > 1
    union all
    select {{ key }}, _load, _row_number, 'quarantined' as _verdict, _problem as _reason
    from repeats
    where _repeat = 1 and _problem is not null
    {%- if parent %}
    union all
    select
        placed_rows.{{ rules.key | join(', placed_rows.') }},
        placed_rows._load,
        placed_rows._row_number,
        'quarantined' as _verdict,
        {{ text_of(["'orphan: no kept " ~ parent.is ~ " '", 'placed_rows.' ~ parent.column]) }} as _reason
    from placed_rows
    left join repeats
        on placed_rows._load = repeats._load and placed_rows._row_number = repeats._row_number
    where placed_rows._is_orphan and coalesce(repeats._repeat, 1) = 1
    {%- endif %}
    union all
    select
        {{ key }},
        _load,
        _row_number,
        case
            {%- if scope.has_released %}
            when {{ is_conflict(scope) }} and _newest_release is not null then 'superseded'
            {%- endif %}
            when {{ is_conflict(scope) }} then 'quarantined'
            else 'superseded'
        end as _verdict,
        case
            {%- if scope.has_released %}
            when {{ is_conflict(scope) }} and _newest_release is not null
                then {{ text_of(["'set aside for load '", '_newest_load', "' row '", '_newest_row',
                                 "', which was released'"]) }}
            {%- endif %}
            when {{ is_conflict(scope) }}
                then {{ text_of(["'conflict: same key and version as load '", '_newest_load', "' row '", '_newest_row',
                                 "', other content'"]) }}
            else {{ text_of(["'superseded by load '", '_newest_load', "' row '", '_newest_row']) }}
        end as _reason
    from versions
    where _rank > 1
)

select
    {%- for name in names %}
    all_rows.{{ name }},
    {%- endfor %}
    all_rows._load,
    all_rows._row_number,
    coalesce(set_aside._verdict, 'kept') as _verdict,
    set_aside._reason,
    {{ text_key('set_aside', rules.key) }} as _row_key,
    all_rows._problem,
    {{ newest_load() }} as _judged_load
from all_rows
left join set_aside
    on all_rows._load = set_aside._load and all_rows._row_number = set_aside._row_number
{%- if scope.has_gone %}
union all
select
    {%- for name in names %}
    ever_rows.{{ name }},
    {%- endfor %}
    ever_rows._load,
    ever_rows._row_number,
    'superseded' as _verdict,
    {{ text_of(["'no longer in the extract of load '", 'gone_rows.gone_with']) }} as _reason,
    {{ text_key('ever_rows', rules.key) }} as _row_key,
    ever_rows._problem,
    {{ newest_load() }} as _judged_load
from ever_rows
inner join gone_rows on ever_rows._load = gone_rows.load and ever_rows._row_number = gone_rows.row_number
{%- endif %}
{%- endmacro %}

{# What is wrong with a row, for every column that is: NULL when nothing is. #}
{% macro problem_of(columns, rules) -%}
        {%- set required = rules.required %}
        case
            when
                {%- for column in columns %}
                {%- if column.name in required %}
                {{ 'or ' if not loop.first }}{{ column.name }} is null
                {%- elif column.kind != 'text' %}
                {{ 'or ' if not loop.first }}({{ column.name }} is null and text_{{ loop.index }} is not null)
                {%- elif loop.first %}
                false
                {%- endif %}
                {%- endfor %}
                {%- for amount in rules.amounts %}
                or {{ is_too_large(amount, columns) }}
                {%- endfor %}
                then concat_ws(
                    '; '
                    {%- for column in columns %}
                    {%- set text = 'text_' ~ loop.index if column.kind != 'text' else column.name %}
                    {%- if column.name in required %},
                    case when {{ column.name }} is null and {{ text }} is null then '{{ column.source }} is empty' end
                    {%- endif %}
                    {%- if column.kind != 'text' %},
                    case
                        when {{ text }} is not null and {{ column.name }} is null
                            then {{ text_of(["'" ~ column.source ~ " '''", text, "''' is not " ~ column.is ~ "'"]) }}
                    end
                    {%- endif %}
                    {%- endfor %}
                    {%- for amount in rules.amounts %},
                    case
                        when {{ is_too_large(amount, columns) }}
                            then {{ text_of(["'" ~ sources_of(amount, columns) | join(' * ') ~ " = '",
                                             product_of(amount, columns), "' is too large'"]) }}
                    end
                    {%- endfor %}
                )
        end
{%- endmacro %}

{% macro is_too_large(amount, columns) -%}
    {%- set product = product_of(amount, columns) -%}
    ({{ product }} is not null and try_cast({{ product }} as {{ amount.type }}) is null)
{%- endmacro %}

{# The product of columns in a type that has room for it. #}
{% macro product_of(amount, columns) -%}
    {%- set first = columns | selectattr('name', 'equalto', amount.factors[0]) | first -%}
    {%- set scale = first.type.split(',')[1].rstrip(')') | trim if 'decimal' in first.type else '0' -%}
    cast({{ amount.factors[0] }} as decimal(38, {{ scale }}))
    {%- for name in amount.factors[1:] %} * {{ name }} {%- endfor -%}
{%- endmacro %}

{% macro sources_of(amount, columns) -%}
    {%- set sources = [] -%}
    {%- for name in amount.factors -%}
        {%- do sources.append((columns | selectattr('name', 'equalto', name) | first).source) -%}
    {%- endfor -%}
    {{ return(sources) }}
{%- endmacro %}

{#
  Two contents of one key and version; without a version, a later load is the newer version, unless both are parts of
  one snapshot.
#}
{% macro is_conflict(scope) -%}
    (
        _version = _newest_version
        or (
            _version is null and _newest_version is null
            {%- if not scope.is_snapshot %}
            and _last_load = _newest_last_load
            {%- endif %}
        )
    )
{%- endmacro %}

{% macro same_key(left, right, rules) -%}
    {%- for name in rules.key -%}
        {{ ' and ' if not loop.first }}
        {%- if name in rules.required -%}
            {{ left }}.{{ name }} = {{ right }}.{{ name }}
        {%- else -%}
            {{ same(left ~ '.' ~ name, right ~ '.' ~ name) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{# Parts joined to one text; NULL when a part is. #}
{% macro text_of(parts) -%}
    {%- for part in parts -%}
        {{ ' || ' if not loop.first }}
        {%- if part[0] == "'" -%} {{ part }} {%- else -%} cast({{ part }} as varchar) {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{# The key of a row as text, its parts joined by '|'. #}
{% macro text_key(relation, key) -%}
    {%- set parts = [] -%}
    {%- for name in key -%} {%- do parts.append('cast(' ~ relation ~ '.' ~ name ~ ' as varchar)') -%} {%- endfor -%}
    nullif(concat_ws('|', {{ parts | join(', ') }}), '')
{%- endmacro %}
