{#
  Reading text as values. Every macro takes the SQL of a text and gives NULL for what is not such a value.
  `cleaned_text` comes first: the others expect text without blanks around it.
#}

{# Half-width, without blanks around it, and NULL when nothing is left. #}
{% macro cleaned_text(text) -%}
    {{ adapter.dispatch('cleaned_text', 'plumbline')(text) }}
{%- endmacro %}

{% macro duckdb__cleaned_text(text) -%}
    nullif(trim(
        case
            when strlen({{ text }}) = length({{ text }}) then {{ text }}
            else translate({{ text }}, '{{ wide_characters() }}', '{{ half_width_characters() }}')
        end, {{ blank_characters() }}
    ), '')
{%- endmacro %}

{# The full-width forms, the ideographic space and the no-break space; and what each becomes. #}
{% macro wide_characters() -%}
    {{ '\u3000\u00a0' }}！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～
{%- endmacro %}

{% macro half_width_characters() -%}
    {{ '  ' }}!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~
{%- endmacro %}

{% macro blank_characters() -%}
    ' ' || chr(9) || chr(10) || chr(13)
{%- endmacro %}

{# '12', '-3', '12.0'. #}
{% macro try_integer(text, type) -%}
    {{ adapter.dispatch('try_integer', 'plumbline')(text, type) }}
{%- endmacro %}

{% macro duckdb__try_integer(text, type) -%}
    case when regexp_full_match({{ text }}, '[+-]?[0-9]+([.]0+)?') then try_cast({{ text }} as {{ type }}) end
{%- endmacro %}

{# '1234.5'; no thousands separators, no decimal commas; with `scientific` also '2.99E-2'. #}
{% macro try_decimal(text, type, scientific=false) -%}
    {{ adapter.dispatch('try_decimal', 'plumbline')(text, type, scientific) }}
{%- endmacro %}

{% macro duckdb__try_decimal(text, type, scientific) -%}
    {%- set exponent = '([eE][+-]?[0-9]+)?' if scientific else '' -%}
    case
        when regexp_full_match({{ text }}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+){{ exponent }}')
            then try_cast({{ text }} as {{ type }})
    end
{%- endmacro %}

{# A day in one of the formats of `iso_text`; a time of day after it must be a possible one. #}
{% macro try_date(text) -%}
    {{ adapter.dispatch('try_cast', 'plumbline')(iso_text(text), 'date') }}
{%- endmacro %}

{% macro try_timestamp(text) -%}
    {{ adapter.dispatch('try_cast', 'plumbline')(iso_text(text), 'timestamp') }}
{%- endmacro %}

{% macro duckdb__try_cast(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}

{# YYYY-MM-DD, YYYY/M/D, YYYYMMDD, DD.MM.YYYY and YYYY年M月D日, with or without a time, brought to the first form. #}
{% macro iso_text(text) -%}
    {{ adapter.dispatch('iso_text', 'plumbline')(text) }}
{%- endmacro %}

{% macro duckdb__iso_text(text) -%}
    case
        when regexp_full_match({{ text }}, '[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([ T][0-9:.]+Z?)?') then {{ text }}
        when regexp_full_match({{ text }}, '[0-9]{8}')
            then regexp_replace({{ text }}, '^([0-9]{4})([0-9]{2})', '\1-\2-')
        when regexp_full_match({{ text }}, '[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}( [0-9:.]+)?')
            then regexp_replace({{ text }}, '^([0-9]+)[.]([0-9]+)[.]([0-9]{4})', '\3-\2-\1')
        when regexp_full_match({{ text }}, '[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日( ?[0-9:.]+)?')
            then trim(regexp_replace({{ text }}, '^([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日 ?', '\1-\2-\3 '))
    end
{%- endmacro %}
