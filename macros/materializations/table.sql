{#
  Replaces a table in one transaction. dbt's own builds it beside and renames twice, which takes most of the time
  of a small model. With an enforced contract the table has the declared types and constraints.
#}
{% materialization table, adapter='duckdb' %}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%} {{ replaced_table(this, sql) }} {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{% macro replaced_table(relation, sql) -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
        create or replace table {{ relation }} {{ get_table_columns_and_constraints() }};
        insert into {{ relation }} {{ get_column_names() }} {{ get_select_subquery(sql) }}
    {%- else -%}
        create or replace table {{ relation }} as {{ sql }}
    {%- endif -%}
{%- endmacro %}
