"""Numbers as JSON has them."""

from __future__ import annotations

from typing import Any


def no_truth(number: Any) -> Any:
    """Refuse what Python alone takes for a number, with ValueError: true is none in JSON."""
    if isinstance(number, bool):
        raise ValueError("Input should be a valid integer")
    return number
