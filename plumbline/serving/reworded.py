"""Errors speak of the command line; other ways in have words of their own for the same things."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What the command line calls something, and what another way in does.
Words = Sequence[tuple[re.Pattern[str], str]]


def reworded(text: str, words: Words) -> str:
    """Put a text into the words of a way in."""
    for pattern, instead in words:
        text = pattern.sub(instead, text)
    return text
