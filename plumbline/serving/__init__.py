"""Answers for people and programs, always from one whole generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plumbline.serving.answer import Answer
from plumbline.serving.door import ask, query
from plumbline.serving.reader import Source, open_generation, open_live, open_published
from plumbline.serving.resolve import Question

if TYPE_CHECKING:
    from plumbline.serving.company import Company, Explained, open_company

__all__ = [
    "Answer",
    "Company",
    "Explained",
    "Question",
    "Source",
    "ask",
    "open_company",
    "open_generation",
    "open_live",
    "open_published",
    "query",
]


def __getattr__(name: str) -> Any:
    """Load what programs ask through only for programs."""
    if name in ("Company", "Explained", "open_company"):
        from plumbline.serving import company

        return getattr(company, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
