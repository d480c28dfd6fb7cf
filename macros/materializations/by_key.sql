{#
  A mart that rebuilds only the keys that changed. `key` is the column; `reads` are the staging models behind the mart,
  the first of which has the key. Keys have changed where rows were judged since the mart was last built, in that model
  or, by a column that both have (`through: {model: column}`), in another; and where `dated`, a date of the first model,
  is past since. A mart with other rules names a model of changed keys instead: `changes` (where `changes_where` holds).

  Its SQL narrows itself to these keys where only_changes() holds. How far each such mart has come is kept in
  intermediate.progress, in the same transaction.

  Every key is built anew when the mart is new, when a staging model behind it was read anew from the start, when the
  as-of day went back, or when loads that the mart knows have gone.
#}
{% materialization by_key, adapter='duckdb' %}
    {%- set partial = only_changes() -%}
    {{ run_hooks(pre_hooks) }}
    {%- set statements -%}
        {%- if partial %}
        {%- if not config.get('changes') %}
        create or replace temporary table {{ changed_keys() }} as {{ find_changed_keys() }};
        {%- endif %}
        delete from {{ this }}
        where {{ config.require('key') }} in (
            {%- if config.get('changes') %}
            select {{ config.require('key') }} from {{ ref(config.require('changes')) }}
            where {{ config.get('changes_where', 'true') }}
            {%- else %}
            select {{ config.require('key') }} from {{ changed_keys() }}
            {%- endif %}
        );
        insert into {{ this }} {{ get_column_names() }} {{ get_select_subquery(sql) }};
        {%- else %}
        {{ replaced_table(this, sql) }};
        {%- endif %}
        delete from {{ progress() }} where model = '{{ this.identifier }}';
        insert into {{ progress() }}
        select '{{ this.identifier }}', {{ newest_load() }}, {{ as_of() }}
    {%- endset -%}
    {{ build_and_count(statements, this) }}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{# A condition that narrows a mart by key to the keys that it builds: `and order_id in (…)`, or nothing. #}
{% macro and_changed() -%}
    {%- if only_changes() -%}
        and {{ config.require('key') }} in (select {{ config.require('key') }} from {{ changed_keys() }})
    {%- endif -%}
{%- endmacro %}

{% macro changed_keys() -%}
    {{ return(this.identifier ~ '__changed') }}
{%- endmacro %}

{% macro find_changed_keys() -%}
    {%- set key = config.require('key') -%}
    {%- set rows = base_of(ref(config.require('reads')[0])) -%}
    {%- set dated = config.get('dated') -%}
    with progress as (
        select judged_load, as_of from {{ progress() }} where model = '{{ this.identifier }}'
    )

    select {{ key }} from {{ rows }} where _judged_load > (select judged_load from progress)
    {%- for model, column in config.get('through', {}).items() %}
    union
    select {{ key }} from {{ rows }}
    where {{ column }} in (
        select {{ column }} from {{ base_of(ref(model)) }} where _judged_load > (select judged_load from progress)
    )
    {%- endfor %}
    {%- if dated %}
    union
    select {{ key }} from {{ rows }}
    where {{ dated }} > (select as_of from progress) and {{ dated }} <= {{ as_of() }}
    {%- endif %}
{%- endmacro %}

{# Runs before the models: two of them at once must not both create it. #}
{% macro create_progress() -%}
    create schema if not exists {{ progress().without_identifier() }};
    create table if not exists {{ progress() }} (model varchar, judged_load bigint, as_of date)
{%- endmacro %}

{% macro newest_load() -%}
    (select coalesce(max(load), 0) from {{ source('run', 'loads') }})
{%- endmacro %}

{% macro progress() -%}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier='progress')) }}
{%- endmacro %}

{# True where a model by key has to build only the keys that changed since it was last built. #}
{% macro only_changes() -%}
    {%- if not execute -%} {{ return(true) }} {%- endif -%}
    {%- if flags.FULL_REFRESH or not is_run() -%} {{ return(false) }} {%- endif -%}
    {%- if not (relation_exists(this) and relation_exists(progress())) -%} {{ return(false) }} {%- endif -%}
    {%- set reasons = [] -%}
    {%- for name in config.require('reads') -%}
        {%- do reasons.append(
            'coalesce((select min(_judged_load) from ' ~ base_of(ref(name)) ~ '), progress.judged_load + 1)'
            ~ ' <= progress.judged_load'
        ) -%}
    {%- endfor -%}
    {%- set found = run_query(
        'select 1 from ' ~ progress() ~ " as progress where progress.model = '" ~ this.identifier
        ~ "' and progress.as_of <= " ~ as_of() ~ ' and progress.judged_load <= ' ~ newest_load()
        ~ ' and ' ~ reasons | join(' and ')
    ) -%}
    {{ return(found.rows | length > 0) }}
{%- endmacro %}

{# What the costs were when order_lines was last built: lines of products whose costs differ now are built anew. #}
{% macro remember_costs() -%}
    create or replace table {{ costs_remembered() }} as select * from {{ ref('costs_in_force') }}
{%- endmacro %}

{% macro costs_remembered() -%}
    {{ return(api.Relation.create(database=target.database, schema='intermediate',
                                  identifier='costs_remembered')) }}
{%- endmacro %}
