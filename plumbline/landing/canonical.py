"""One text for every typed value, whichever connector brought it.

Numbers become their shortest exact text (`12.5`), timestamps `YYYY-MM-DD HH:MM:SS[.f]` (those with a zone in
UTC, fractions without zeros at the end), dates `YYYY-MM-DD`, booleans `1` and `0`, nested values JSON.
Text stays exactly as it is.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


_EXACT_DIGITS = 16
"""Up to this length (15 digits and a point) a decimal fraction is already the shortest text."""

_MOST_ZEROS = 400
"""What is greater or smaller by more than this power of ten is written with an exponent."""


def value_text(value: Any) -> str | None:
    """Give the text of one Python value."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    return _other_text(value)


def _other_text(value: Any) -> str:
    if isinstance(value, datetime):
        return datetime_text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return float_text(value.total_seconds())
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex().upper()
    if isinstance(value, dict | list | tuple):
        return json_text(value)
    return str(value)


def float_text(value: float) -> str:
    """Give the shortest text that reads back as the same number, without an exponent: `12.5`, `20`."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    return decimal_text(Decimal(repr(value)))


def decimal_text(value: Decimal) -> str:
    """Give a decimal without an exponent and without zeros at the end: `12.5`, `20`."""
    if not value.is_finite():
        return str(value)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def datetime_text(value: datetime) -> str:
    """Give `YYYY-MM-DD HH:MM:SS[.f]`, in UTC when the value knows its zone."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    text = value.isoformat(sep=" ")
    return text.rstrip("0") if value.microsecond else text


def json_text(value: Any) -> str:
    """Give nested values as compact JSON; decimals keep all their digits."""
    if isinstance(value, Decimal) and value.is_finite():
        return decimal_text(value) if abs(value.adjusted()) <= _MOST_ZEROS else str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key_text(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _key_text(key: Any) -> str:
    return json.dumps(key if isinstance(key, str) else str(key), ensure_ascii=False)


def text_array(values: list[Any]) -> pa.Array:
    """Give the texts of a column of Python values as an Arrow array."""
    import pyarrow as pa

    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([value_text(value) for value in values], pa.string())


def arrow_text(column: pa.Array) -> pa.Array:
    """Give the texts of an Arrow array of any type; fast for the usual types."""
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_dictionary(kind):
        return arrow_text(column.cast(kind.value_type))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_integer(kind):
        return column.cast(pa.string())
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()).cast(pa.string())
    if pa.types.is_floating(kind):
        return _plain_floats(column.cast(pa.float32()) if pa.types.is_float16(kind) else column)
    if pa.types.is_date(kind):
        return column.cast(pa.date32()).cast(pa.string())
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_decimal(kind):
        return _without_end_zeros(pc.cast(column, pa.string()))
    return text_array([value_text(_readable(value)) for value in column.to_pylist()])


def _readable(value: Any) -> Any:
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value


def _plain_floats(column: pa.Array) -> pa.Array:
    """Cast floats to their shortest text; those that Arrow writes with an exponent are written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = column.cast(pa.string())
    odd = pc.match_substring_regex(texts, r"e|^-0$")
    if not pc.any(odd).as_py():
        return texts
    fixed = [
        decimal_text(Decimal(text)) if is_odd else None
        for text, is_odd in zip(texts.to_pylist(), odd.to_pylist(), strict=True)
    ]
    return pc.if_else(odd, pa.array(fixed, pa.string()), texts)


def shortest_numbers(texts: pa.Array) -> pa.Array:
    """Mend how databases write floats: `20.0` is 20, `0.10000000000000001` is 0.1, no exponents."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.ends_with(texts, ".0")).as_py():
        whole = pc.match_substring_regex(texts, r"^-?[0-9]+\.0$")
        texts = pc.if_else(whole, pc.utf8_slice_codeunits(texts, 0, -2), texts)
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if longest <= _EXACT_DIGITS and not pc.any(pc.match_substring(texts, "e")).as_py():
        return texts
    odd = pc.match_substring_regex(texts, r"^-?[0-9]+(?:\.[0-9]+)?e[+-]?[0-9]+$|^-?[0-9]+\.[0-9]+$")
    pairs = zip(texts.to_pylist(), odd.to_pylist(), strict=True)
    mended = [
        float_text(float(text)) if is_odd and ("e" in text or len(text) > _EXACT_DIGITS) else text
        for text, is_odd in pairs
    ]
    return pa.array(mended, pa.string())


def _without_end_zeros(texts: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(texts, r"[.Ee]")).as_py():
        return texts
    return text_array([None if text is None else decimal_text(Decimal(text)) for text in texts.to_pylist()])
