"""Canonical JSON (RFC 8785): the same content is the same bytes, whoever writes it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any


def canonical(value: Any) -> bytes:
    """Write JSON as RFC 8785 wants it; ValueError for what JSON, or a double, cannot hold."""
    import rfc8785

    return rfc8785.dumps(value)


def canonical_digest(value: Any) -> str:
    """Give the SHA-256 (hex) of the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


def require_exact(value: Any, place: str = "body") -> None:
    """Raise TypeError where a record would hold a float: amounts are texts, exact to the last digit."""
    if isinstance(value, float):
        raise TypeError(f"{place} is a float: records hold amounts as text")
    if isinstance(value, Mapping):
        for name, item in value.items():
            require_exact(item, f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            require_exact(item, f"{place}[{index}]")
