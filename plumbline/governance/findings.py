"""What a rule finds: where, what, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.definitions import Location


@dataclass(frozen=True)
class Finding:
    """One breach of a rule: where, what, what to do, and the stable code of the rule."""

    location: Location
    what: str
    todo: str
    code: str

    def __str__(self) -> str:
        return f"{self.location}: {self.what} [{self.code}]\n  {self.todo}"
