"""Plumbline (准绳): run a company by its indicators, with governed definitions and proof.

Programs ask through `open_company`; people through the command `plumb`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plumbline.serving import Company, open_company

__version__ = "0.1.0"

__all__ = ["Company", "__version__", "open_company"]


def __getattr__(name: str) -> Any:
    """Load what answers questions only for those who ask."""
    if name in ("Company", "open_company"):
        from plumbline import serving

        return getattr(serving, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
