{# The last day that counts in this run. #}
{% macro as_of() -%}
    (select as_of from {{ source('run', 'context') }})
{%- endmacro %}

{# 1 or 0, never NULL: an unknown condition is not met. #}
{% macro flag(condition) -%}
    case when {{ condition }} then 1 else 0 end
{%- endmacro %}

{# Parts of a composed key as one text. #}
{% macro composed_key(columns) -%}
    {%- for column in columns -%}
        {{ " || '|' || " if not loop.first }}coalesce(cast({{ column }} as varchar), '')
    {%- endfor -%}
{%- endmacro %}

{% macro sales_channel(is_online) -%}
    case when {{ is_online }} = 1 then 'online' else 'sales_person' end
{%- endmacro %}

{% macro person_name(persons) -%}
    nullif(concat_ws(' ', {{ persons }}.first_name, {{ persons }}.last_name), '')
{%- endmacro %}

{# The first day after a last day; an end in the year 9999 means none. #}
{% macro day_after(last_day) -%}
    case when {{ last_day }} < date '9999-01-01' then {{ add_days(last_day, 1) }} end
{%- endmacro %}
