{# Whether a maintained row is for the company of this run: its name, several with | between them, or *. #}
{% macro is_of_this_company(column) -%}
    (
        trim({{ column }}) = '*'
        or position(
            (select '|' || company || '|' from {{ source('run', 'context') }})
            in '|' || replace({{ column }}, ' ', '') || '|'
        ) > 0
    )
{%- endmacro %}

{# The first day of the period that a day lies in; weeks begin on Monday. #}
{% macro first_day_of_period(grain, date) -%}
    cast(date_trunc({{ grain }}, {{ date }}) as date)
{%- endmacro %}

{# The last day of the period that begins on a day. #}
{% macro last_day_of_period(grain, first_day) -%}
    case {{ grain }}
        when 'day' then {{ first_day }}
        when 'week' then {{ add_days(first_day, 6) }}
        when 'month' then {{ add_days(add_months(first_day, 1), -1) }}
        when 'quarter' then {{ add_days(add_months(first_day, 3), -1) }}
        else {{ add_days(add_months(first_day, 12), -1) }}
    end
{%- endmacro %}
