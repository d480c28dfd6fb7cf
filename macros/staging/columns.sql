{#
  What a staging model says about one column of its source: the name there, the name here, how its text is read, and
  whether a row may lack it. A text that cannot be read sets the whole row aside, because a silent NULL would falsify
  figures.
#}

{% macro as_text(column, name, required=false) -%}
    {{ return({
        'source': column, 'name': name, 'kind': 'text', 'type': 'varchar', 'is': '', 'required': required,
    }) }}
{%- endmacro %}

{% macro as_id(column, name, required=false) -%}
    {{ return(as_integer(column, name, type='bigint', required=required)) }}
{%- endmacro %}

{% macro as_integer(column, name, type='integer', required=false) -%}
    {{ return({
        'source': column, 'name': name, 'kind': 'integer', 'type': type, 'is': 'a whole number', 'required': required,
    }) }}
{%- endmacro %}

{% macro as_decimal(column, name, precision=18, scale=4, scientific=false, required=false) -%}
    {{ return({
        'source': column, 'name': name, 'kind': 'scientific' if scientific else 'decimal',
        'type': 'decimal(' ~ precision ~ ', ' ~ scale ~ ')', 'is': 'a plain number', 'required': required,
    }) }}
{%- endmacro %}

{% macro as_money(column, name, required=false) -%}
    {{ return(as_decimal(column, name, required=required)) }}
{%- endmacro %}

{% macro as_date(column, name, required=false) -%}
    {{ return({
        'source': column, 'name': name, 'kind': 'date', 'type': 'date', 'is': 'a date', 'required': required,
    }) }}
{%- endmacro %}

{% macro as_timestamp(column, name, required=false) -%}
    {{ return({
        'source': column, 'name': name, 'kind': 'timestamp', 'type': 'timestamp', 'is': 'a time', 'required': required,
    }) }}
{%- endmacro %}

{#
  A product of columns that a mart keeps as an amount with `scale` decimals. A row where it has more digits than that
  leaves is set aside: otherwise it would stop the run.
#}
{% macro as_amount(factors, scale=4) -%}
    {{ return({'factors': factors, 'type': 'decimal(18, ' ~ scale ~ ')'}) }}
{%- endmacro %}
