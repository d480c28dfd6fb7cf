"""Values as JSON has them, with every digit that they have."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from plumbline.serving.formats import plain
from plumbline.serving.mcp.results import Cell

# Above it JSON's numbers, which most programs read as doubles, are not exact.
_WHOLE = 2**53


def cell(value: Any) -> Cell:
    """Give a value for JSON: a number where it keeps all digits, otherwise a text; NaN is no value."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _WHOLE else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _decimal(value) if isinstance(value, Decimal) else text(value)


def text(value: Any) -> str:
    """Write a value as text; nothing as ''."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return value.isoformat() if isinstance(value, date) else plain(value)


def _decimal(value: Decimal) -> Cell:
    if value == value.to_integral_value() and abs(value) <= _WHOLE:
        return int(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else plain(value)
