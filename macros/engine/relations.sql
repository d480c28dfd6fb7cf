{# Every column but those named. #}
{% macro all_columns_except(columns) -%}
    {{ adapter.dispatch('all_columns_except', 'plumbline')(columns) }}
{%- endmacro %}

{% macro duckdb__all_columns_except(columns) -%}
    * exclude ({{ columns | join(', ') }})
{%- endmacro %}

{# Equal, or both NULL. #}
{% macro same(left, right) -%}
    {{ adapter.dispatch('same', 'plumbline')(left, right) }}
{%- endmacro %}

{% macro duckdb__same(left, right) -%}
    {{ left }} is not distinct from {{ right }}
{%- endmacro %}

{% macro relation_exists(relation) -%}
    {{ return(adapter.get_relation(relation.database, relation.schema, relation.identifier) is not none) }}
{%- endmacro %}

{# Keeps a common table expression from being computed once for each use. #}
{% macro computed_once() -%}
    {{ adapter.dispatch('computed_once', 'plumbline')() }}
{%- endmacro %}

{% macro duckdb__computed_once() -%} materialized {%- endmacro %}

{#
  The values of a column of a relation that is small. Where an engine guesses that it is large, it prepares the other
  side of a semi join, which may be all rows there are.
#}
{% macro few_values(column, relation) -%}
    {{ adapter.dispatch('few_values', 'plumbline')(column, relation) }}
{%- endmacro %}

{# DuckDB takes an aggregate for one row. #}
{% macro duckdb__few_values(column, relation) -%}
    select unnest(list({{ column }} order by {{ column }})) from {{ relation }}
{%- endmacro %}
