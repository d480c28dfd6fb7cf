"""What a rule finds: where, what, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.definitions import Location

_WARNINGS = {"review-overdue", "missing-synonyms", "missing-synonyms-zh"}


@dataclass(frozen=True)
class Finding:
    """One breach of a rule: where, what, what to do, and the stable code of the rule."""

    location: Location
    what: str
    todo: str
    code: str

    @property
    def is_warning(self) -> bool:
        """Whether the figures may be published all the same: what is found harms nobody who reads them."""
        return self.code in _WARNINGS

    def __str__(self) -> str:
        return f"{self.location}: {self.what} [{self.code}]\n  {self.todo}"
