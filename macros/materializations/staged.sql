{#
  A staging model is stored as two relations: the table base_<source> with every row and its verdict, and the view
  stg_<source> with the rows that were kept. Where the loads it knows are still current, only new ones are read, and the
  rows that share a key with theirs.
#}
{% materialization staged, default %}
    {%- set base = base_of(this) -%}
    {%- set scope = staged_scope(*model.sources[0], parents=ref(model.refs[0].name) if model.refs else none) -%}
    {{ run_hooks(pre_hooks) }}
    {%- set statements -%}
        {%- if not scope.is_partial %}
            create or replace table {{ base }} as {{ sql }};
            create or replace view {{ this }} as
            select {{ all_columns_except(['_verdict', '_reason', '_row_key', '_problem', '_judged_load']) }}
            from {{ base }}
            where _verdict = 'kept'
        {%- elif scope.is_unchanged %}
            -- No new load: nothing to read.
        {%- else %}
            {%- set rejudged = this.identifier ~ '__rejudged' %}
            create or replace temporary table {{ rejudged }} as {{ sql }};
            delete from {{ base }}
            where exists (
                select 1 from {{ rejudged }} as rejudged
                where rejudged._load = {{ base.identifier }}._load
                    and rejudged._row_number = {{ base.identifier }}._row_number
            );
            insert into {{ base }} select * from {{ rejudged }};
            drop table {{ rejudged }}
        {%- endif %}
    {%- endset -%}
    {{ build_and_count(statements, base) }}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{# The table of all rows behind a staging view. #}
{% macro base_of(relation) -%}
    {%- set identifier = 'base_' ~ (relation.identifier | replace('stg_', '', 1)) -%}
    {{ return(api.Relation.create(database=relation.database, schema=relation.schema, identifier=identifier,
                                  type='table')) }}
{%- endmacro %}

{#
  What a staging model has to read: everything, or the loads that its table does not have yet. A load that is no
  longer current (a newer snapshot took its place) makes it everything, and so does a parent that was read anew, or a
  released row that is not used.
#}
{% macro staged_scope(system, table, parents=none) -%}
    {%- set facts = landed_facts(system, table) -%}
    {%- set whole = {
        'is_partial': false, 'is_unchanged': false, 'new_loads': [],
        'has_gone': facts.has_gone, 'has_released': facts.has_released, 'is_snapshot': facts.is_snapshot,
    } -%}
    {%- if flags.FULL_REFRESH or not is_run() -%} {{ return(whole) }} {%- endif -%}
    {%- set base = base_of(this) -%}
    {%- if not relation_exists(base) -%} {{ return(whole) }} {%- endif -%}
    {%- set found = run_query(
        "with landed as ("
        ~ "select load from " ~ source('run', 'loads')
        ~ " where system = '" ~ system ~ "' and table_name = '" ~ table ~ "' and is_current"
        ~ "), known as (select distinct _load as load from " ~ base ~ ") "
        ~ "select landed.load as landed, known.load as known from landed full join known on landed.load = known.load "
        ~ "where landed.load is null or known.load is null order by 1"
    ) -%}
    {%- if found.columns['known'].values() | reject('none') | list -%} {{ return(whole) }} {%- endif -%}
    {%- if parents -%}
        {%- set read_since = run_query(
            "select 1 where coalesce((select min(_judged_load) from " ~ base_of(parents) ~ "), 9223372036854775807)"
            ~ " > (select max(_judged_load) from " ~ base ~ ")"
        ) -%}
        {%- if read_since.rows -%} {{ return(whole) }} {%- endif -%}
    {%- endif -%}
    {%- if facts.has_released -%}
        {%- set waiting = run_query(
            "select 1 from " ~ base ~ " as base inner join " ~ source('run', 'released_rows') ~ " as released "
            ~ "on released.system = '" ~ system ~ "' and released.table_name = '" ~ table ~ "' "
            ~ "and base._load = released.load and base._row_number = released.row_number "
            ~ "where base._verdict = 'quarantined' or base._reason like 'set aside for %' limit 1"
        ) -%}
        {%- if waiting.rows -%} {{ return(whole) }} {%- endif -%}
    {%- endif -%}
    {%- set new_loads = found.columns['landed'].values() | list -%}
    {{ return({
        'is_partial': true, 'is_unchanged': not new_loads and not parents, 'new_loads': new_loads,
        'has_gone': facts.has_gone, 'has_released': facts.has_released, 'is_snapshot': facts.is_snapshot,
        'parents_have_gone': parents is not none and landed_facts(*source_of(parents)).has_gone,
    }) }}
{%- endmacro %}

{# System and table behind a staging model. #}
{% macro source_of(relation) -%}
    {{ return((relation.identifier | replace('stg_', '', 1)).split('__', 1)) }}
{%- endmacro %}

{# Whether rows of a table have gone again, or were released, and whether its loads are parts of one snapshot. #}
{% macro landed_facts(system, table) -%}
    {%- if not is_run() -%}
        {{ return({'has_gone': false, 'has_released': false, 'is_snapshot': false}) }}
    {%- endif -%}
    {%- set where = "system = '" ~ system ~ "' and table_name = '" ~ table ~ "'" -%}
    {%- set found = run_query(
        "select exists (select 1 from " ~ source('run', 'gone_rows') ~ " where " ~ where ~ ") as has_gone, "
        ~ "exists (select 1 from " ~ source('run', 'released_rows') ~ " where " ~ where ~ ") as has_released, "
        ~ "coalesce((select bool_and(mode = 'snapshot') from " ~ source('run', 'loads')
        ~ " where " ~ where ~ " and is_current), false) as is_snapshot"
    ).rows[0] -%}
    {{ return({'has_gone': found['has_gone'], 'has_released': found['has_released'], 'is_snapshot': found['is_snapshot']}) }}
{%- endmacro %}

{# True where dbt builds a model, false while it compiles one for a unit test. #}
{% macro is_run() -%}
    {{ return(execute and model.resource_type == 'model' and flags.WHICH in ('run', 'build')) }}
{%- endmacro %}
