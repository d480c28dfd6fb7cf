"""What an audit checked, and what it found to differ from the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the ledger says: what, where, what was expected and found, what to do."""

    what: str
    where: str
    expected: str = ""
    found: str = ""
    todo: str = ""


@dataclass
class Proof:
    """What was checked (counts by kind), what is worth knowing, and all differences, the first one first."""

    company: str
    checked: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Tell whether everything is as the ledger says."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """Give the proof for programs."""
        return {
            "company": self.company,
            "whole": self.is_whole,
            "checked": dict(self.checked),
            "notes": self.notes,
            "differences": [asdict(difference) for difference in self.differences],
            "seconds": self.seconds,
        }
