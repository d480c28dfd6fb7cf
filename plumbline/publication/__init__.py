"""One generation at a time: what passed the gate becomes a file that nobody sees half written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plumbline.publication.facts import MartPart, Publication, RunFacts, TableFacts
from plumbline.publication.shelf import Shelf

if TYPE_CHECKING:
    from plumbline.publication.digests import value_digest
    from plumbline.publication.publisher import (
        compare,
        current_publication,
        next_publication_id,
        publish,
        write_parts_ahead,
    )

__all__ = [
    "MartPart",
    "Publication",
    "RunFacts",
    "Shelf",
    "TableFacts",
    "compare",
    "current_publication",
    "next_publication_id",
    "publish",
    "value_digest",
    "write_parts_ahead",
]

_OF_PUBLISHER = ("compare", "current_publication", "next_publication_id", "publish", "write_parts_ahead")


def __getattr__(name: str) -> Any:
    """Load what publishes only for those who publish: questions need what is published, and no more."""
    if name in _OF_PUBLISHER:
        from plumbline.publication import publisher

        return getattr(publisher, name)
    if name == "value_digest":
        from plumbline.publication.digests import value_digest

        return value_digest
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
