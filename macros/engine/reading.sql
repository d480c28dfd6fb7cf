{#
  Reading text as values. Nearly all text is plain already: `try_plain_value` reads that cheaply, and gives NULL for
  the rest, which is cleaned and read by `try_value`, in every form that is allowed. Both give NULL for what is not
  such a value.
#}

{#
  Half-width, without blanks around it, and NULL when nothing is left. Looking whether there is anything to translate
  costs a fraction of translating.
#}
{% macro cleaned_text(text) -%}
    {{ adapter.dispatch('cleaned_text', 'plumbline')(text) }}
{%- endmacro %}

{% macro duckdb__cleaned_text(text) -%}
    nullif(trim(
        case
            when strlen({{ text }}) = length({{ text }}) or not regexp_matches({{ text }}, '[！-～\x{3000}\x{A0}]')
                then {{ text }}
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

{# Text in the form that most of it has, as it arrived. #}
{% macro try_plain_value(text, kind, type) -%}
    {{ adapter.dispatch('try_plain_value', 'plumbline')(text, kind, type) }}
{%- endmacro %}

{% macro duckdb__try_plain_value(text, kind, type) -%}
    {%- if kind == 'integer' -%}
        case when cast(try_cast({{ text }} as {{ type }}) as varchar) = {{ text }} then try_cast({{ text }} as {{ type }}) end
    {%- elif kind == 'date' -%}
        case
            when {{ text }} >= '0' and ({{ text }} like '____-__-__ __:__:__' or {{ text }} like '____-__-__')
                then try_cast({{ text }} as date)
        end
    {%- elif kind == 'timestamp' -%}
        case
            when {{ text }} >= '0' and {{ text }} like '____-__-__ __:__:__' then try_cast({{ text }} as timestamp)
        end
    {%- else -%}
        case when regexp_full_match({{ text }}, '-?[0-9]+[.]?[0-9]*') then try_cast({{ text }} as {{ type }}) end
    {%- endif -%}
{%- endmacro %}

{#
  Cleaned text in every form: whole numbers ('12', '-3', '12.0'), plain numbers ('1234.5'; no thousands separators, no
  decimal commas; where scientific also '2.99E-2'), dates and times as `iso_text` knows them. More decimals than the
  type has are rounded.
#}
{% macro try_value(text, kind, type) -%}
    {{ adapter.dispatch('try_value', 'plumbline')(text, kind, type) }}
{%- endmacro %}

{% macro duckdb__try_value(text, kind, type) -%}
    {%- if kind == 'integer' -%}
        case when regexp_full_match({{ text }}, '[+-]?[0-9]+([.]0*)?') then try_cast({{ text }} as {{ type }}) end
    {%- elif kind in ('date', 'timestamp') -%}
        try_cast({{ iso_text(text) }} as {{ type }})
    {%- else -%}
        {%- set exponent = '([eE][+-]?[0-9]+)?' if kind == 'scientific' else '' -%}
        case
            when regexp_full_match({{ text }}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+){{ exponent }}')
                then try_cast({{ text }} as {{ type }})
        end
    {%- endif -%}
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
