"""One generation at a time: what passed the gate becomes a file that nobody sees half written."""

from plumbline.publication.digests import value_digest
from plumbline.publication.facts import MartPart, Publication, RunFacts, TableFacts
from plumbline.publication.publisher import (
    compare,
    current_publication,
    next_publication_id,
    publish,
)
from plumbline.publication.shelf import Shelf

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
]
