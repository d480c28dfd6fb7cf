{# Whole days from one date to another. #}
{% macro days_between(first, last) -%}
    {{ adapter.dispatch('days_between', 'plumbline')(first, last) }}
{%- endmacro %}

{% macro duckdb__days_between(first, last) -%}
    cast(date_diff('day', {{ first }}, {{ last }}) as integer)
{%- endmacro %}

{# Whole minutes from one time to another, the rest of a minute left off; NULL when they are too many to count. #}
{% macro minutes_between(first, last) -%}
    {{ adapter.dispatch('minutes_between', 'plumbline')(first, last) }}
{%- endmacro %}

{% macro duckdb__minutes_between(first, last) -%}
    try_cast(date_sub('minute', {{ first }}, {{ last }}) as integer)
{%- endmacro %}

{% macro add_days(date, days) -%}
    {{ adapter.dispatch('add_days', 'plumbline')(date, days) }}
{%- endmacro %}

{% macro duckdb__add_days(date, days) -%}
    cast({{ date }} + interval ({{ days }}) day as date)
{%- endmacro %}

{% macro add_months(date, months) -%}
    {{ adapter.dispatch('add_months', 'plumbline')(date, months) }}
{%- endmacro %}

{% macro duckdb__add_months(date, months) -%}
    cast({{ date }} + interval ({{ months }}) month as date)
{%- endmacro %}

{# The days from one date to another, both included, as a column `date_day`. #}
{% macro days_from_to(first, last) -%}
    {{ adapter.dispatch('days_from_to', 'plumbline')(first, last) }}
{%- endmacro %}

{% macro duckdb__days_from_to(first, last) -%}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as date_day
{%- endmacro %}

{% macro is_last_day_of_month(date) -%}
    extract(day from {{ add_days(date, 1) }}) = 1
{%- endmacro %}
