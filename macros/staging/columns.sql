{#
  What a staging model says about one column of its source: the name there, the name here, and how its text is
  read. A text that cannot be read sets the whole row aside, because a silent NULL would falsify figures.
#}

{% macro as_text(column, name) -%}
    {{ return({'source': column, 'name': name, 'kind': 'text', 'type': 'varchar', 'is': ''}) }}
{%- endmacro %}

{% macro as_id(column, name) -%}
    {{ return({'source': column, 'name': name, 'kind': 'integer', 'type': 'bigint', 'is': 'a whole number'}) }}
{%- endmacro %}

{% macro as_integer(column, name, type='integer') -%}
    {{ return({'source': column, 'name': name, 'kind': 'integer', 'type': type, 'is': 'a whole number'}) }}
{%- endmacro %}

{% macro as_decimal(column, name, precision=18, scale=4, scientific=false) -%}
    {{ return({
        'source': column, 'name': name, 'kind': 'scientific' if scientific else 'decimal',
        'type': 'decimal(' ~ precision ~ ', ' ~ scale ~ ')', 'is': 'a plain number',
    }) }}
{%- endmacro %}

{% macro as_money(column, name) -%}
    {{ return(as_decimal(column, name)) }}
{%- endmacro %}

{% macro as_date(column, name) -%}
    {{ return({'source': column, 'name': name, 'kind': 'date', 'type': 'date', 'is': 'a date'}) }}
{%- endmacro %}

{% macro as_timestamp(column, name) -%}
    {{ return({'source': column, 'name': name, 'kind': 'timestamp', 'type': 'timestamp', 'is': 'a time'}) }}
{%- endmacro %}
