{#
  Every staging model with its source: [{'model': …, 'system': …, 'table': …, 'base': relation}, …], from dbt's graph.
  dbt must know already while it parses, before there is a graph, what is to be built first: for that the names come
  in PLUMBLINE_STAGING_MODELS (orchestration/dbt_runner.py lists the files of models/staging/).
#}
{% macro staging_models() -%}
    {%- set named = env_var('PLUMBLINE_STAGING_MODELS', '').split() -%}
    {%- for name in named -%} {%- do ref(name) -%} {%- endfor -%}
    {%- set found = [] -%}
    {%- for node in (graph.nodes.values() | sort(attribute='name') if execute else []) -%}
        {%- if node.config.materialized == 'staged' -%}
            {%- if node.name not in named -%} {{ unnamed_staging_model(node) }} {%- endif -%}
            {%- do found.append({
                'model': node.name, 'system': node.sources[0][0], 'table': node.sources[0][1],
                'base': base_of(ref(node.name)),
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro unnamed_staging_model(node) -%}
    {%- do exceptions.raise_compiler_error(
        node.original_file_path ~ ': rows that ' ~ node.name ~ ' rejects would be lost out of sight, because '
        ~ 'PLUMBLINE_STAGING_MODELS does not name it. `plumb run` names every models/staging/<system>/stg_*.sql.'
    ) -%}
{%- endmacro %}
