"""The built-in company: generated, the same for the same arguments, and untidy on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plumbline.demo.company import generate
    from plumbline.demo.relational import copy_erp

__all__ = ["copy_erp", "generate"]


def __getattr__(name: str) -> Any:
    """Load numpy, Arrow and the drivers only when something is generated."""
    if name == "generate":
        from plumbline.demo.company import generate

        return generate
    if name == "copy_erp":
        from plumbline.demo.relational import copy_erp

        return copy_erp
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
