"""What is known of the data: how many rows relations have, and how many members their columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Members:
    """The type of a column, as DuckDB writes it, and about how many different values it has, where known."""

    type: str
    count: int | None = None


@dataclass(frozen=True)
class Table:
    """About how many rows a relation has, and its columns by their names in small letters."""

    rows: int
    columns: Mapping[str, Members] = field(default_factory=dict)
    # Expressions that were looked at: whether sums of them are the same in any order.
    exact: dict[str, bool] = field(default_factory=dict, compare=False)

    def members(self, expr: str) -> Members | None:
        """Give what is known of a column; nothing of an expression."""
        return self.columns.get(expr.strip().strip('"').lower())


@dataclass
class Sizes:
    """What is known of each relation, read when it is asked for; `name` tells which data it is of."""

    name: str
    read: Callable[[str], Table | None]
    _tables: dict[str, Table | None] = field(default_factory=dict)

    def table(self, relation: str) -> Table | None:
        """Give what is known of a relation, as definitions name it."""
        if relation not in self._tables:
            self._tables[relation] = self.read(relation)
        return self._tables[relation]
