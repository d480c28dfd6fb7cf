"""What a spreadsheet would calculate is kept from it: a text from outside must not become a formula."""

from __future__ import annotations

from typing import Any

# Also in the full width of Chinese keyboards, which some spreadsheets take for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(value: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; figures stay."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
