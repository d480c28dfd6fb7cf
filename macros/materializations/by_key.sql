{#
  A mart that rebuilds only the keys that changed. `key` is the column; `reads` are the staging models behind the mart,
  the first of which has the key. Keys have changed where rows were judged since the mart was last built, in that model
  or, by a column that both have (`through: {model: column}`), in another; and where `dated`, a date of the first model
  or of one of the others (`{model: column}`), is past since. A mart with other rules names a model of changed keys
  instead: `changes` (where `changes_where` holds).

  Its SQL narrows itself to these keys where only_changes() holds. Where `is_one_row_per_key`, rows that come out as they
  were stay where they are, so that the table keeps its order of dates. The column `dates_every_row` is the as-of day, in all
  rows. How far each such mart has come is kept in intermediate.progress, in the same transaction.

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
        {%- if config.get('is_one_row_per_key') %}
        create or replace temporary table {{ built_rows() }} as {{ get_select_subquery(sql) }};
        {%- endif %}
        delete from {{ this }}
        where {{ config.require('key') }} in ({{ keys_to_replace() }});
        {%- if config.get('dates_every_row') %}
        update {{ this }} set {{ config.get('dates_every_row') }} = {{ as_of() }}
        where {{ config.get('dates_every_row') }} <> {{ as_of() }};
        {%- endif %}
        insert into {{ this }} {{ get_column_names() }}
        {%- if config.get('is_one_row_per_key') %}
        select * from {{ built_rows() }} as built
        where not exists (
            select 1 from {{ this }} as there
            where there.{{ config.require('key') }} = built.{{ config.require('key') }}
        );
        drop table {{ built_rows() }};
        {%- else %} {{ get_select_subquery(sql) }};
        {%- endif %}
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

{#
  The keys whose rows are taken away: those that changed; where each has one row (`is_one_row_per_key`), only those of
  them whose row is not as it was.
#}
{% macro keys_to_replace() -%}
    {%- set changed -%}
        {%- if config.get('changes') -%}
            select {{ config.require('key') }} from {{ ref(config.require('changes')) }}
            where {{ config.get('changes_where', 'true') }}
        {%- else -%}
            select {{ config.require('key') }} from {{ changed_keys() }}
        {%- endif -%}
    {%- endset -%}
    {%- if config.get('is_one_row_per_key') -%}
        select {{ config.require('key') }} from (
            select * from {{ this }} where {{ config.require('key') }} in ({{ changed }})
            except
            select * from {{ built_rows() }}
        ) as differing
    {%- else -%}
        {{ changed }}
    {%- endif -%}
{%- endmacro %}

{% macro built_rows() -%}
    {{ return(this.identifier ~ '__built') }}
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
    {%- if dated is mapping %}
    {%- for model, day in dated.items() %}
    {%- set column = config.require('through')[model] %}
    union
    select {{ key }} from {{ rows }}
    where {{ column }} in (select {{ column }} from {{ base_of(ref(model)) }} where {{ is_past_since(day) }})
    {%- endfor %}
    {%- elif dated %}
    union
    select {{ key }} from {{ rows }} where {{ is_past_since(dated) }}
    {%- endif %}
{%- endmacro %}

{# A date that was to come when the mart was last built, and is past now. #}
{% macro is_past_since(day) -%}
    {{ day }} > (select as_of from progress) and {{ day }} <= {{ as_of() }}
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
