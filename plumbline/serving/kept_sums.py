"""Tables of sums that a generation keeps in memory, by the kind of question that reads them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from itertools import count

# The question of a kind with which its sums are made; before it, few would have any use of them.
FROM_THE = 3
# Cells of all tables together: about 16 bytes each. Kinds of questions of which it is known what they need.
_ALL, _MOST_KINDS = 8_000_000, 4_096


@dataclass(frozen=True)
class Made:
    """A table of sums: its name in SQL, its rows, and the types of its columns."""

    relation: str
    rows: int
    kinds: Mapping[str, str]

    @property
    def cells(self) -> int:
        """How large it is."""
        return self.rows * len(self.kinds)


class KeptSums:
    """The tables of one generation, the least used ones dropped first; for many threads."""

    def __init__(self, most_cells: int = _ALL) -> None:
        self._most_cells = most_cells
        # How often a kind was asked for, then its table; None while that is made, and where it is no use.
        self._known: OrderedDict[Hashable, int | Made | None] = OrderedDict()
        self._cells = 0
        self._numbers = count(1)
        self._lock = threading.Lock()

    def known(self, kind: Hashable) -> Made | None:
        """Give the table of a kind, if it has been made."""
        with self._lock:
            found = self._known.get(kind)
            return found if isinstance(found, Made) else None

    def asked(
        self, kind: Hashable, make: Callable[[int], Made | None], drop: Callable[[Made], None]
    ) -> Made | None:
        """Give the table of a kind that is asked for once more; None where the marts are to be read.

        `make` is called once, with a number of its own, and gives None where a table is of no use.
        """
        with self._lock:
            found = self._known.pop(kind, 0)
            found = found + 1 if isinstance(found, int) else found
            is_now = found == FROM_THE
            self._known[kind] = None if is_now else found
            gone = self._forgotten()
        if is_now:
            found = make(next(self._numbers))
            with self._lock:
                self._known[kind] = found
                self._cells += found.cells if found else 0
                gone += self._forgotten()
        for made in gone:
            drop(made)
        return found if isinstance(found, Made) else None

    def _forgotten(self) -> list[Made]:
        """Forget what is too much, the least used first: who is about to read it finds that it has gone."""
        gone: list[Made] = []
        for kind, found in list(self._known.items()):
            if self._cells <= self._most_cells and len(self._known) <= _MOST_KINDS:
                break
            if isinstance(found, Made):
                self._cells -= found.cells
                gone.append(found)
            if isinstance(found, Made) or len(self._known) > _MOST_KINDS:
                del self._known[kind]
        return gone
