"""What figures rest on: columns of tables, and which rows there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# The column of a Part that stands for which rows there are.
ROWS = ""
# The column of a Part that stands for every column of a table whose columns are not known.
EVERY = "*"


@dataclass(frozen=True, order=True)
class Part:
    """A column of a table (`marts.orders`, `order_date`); column '' means which rows there are."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}" if self.column else f"rows of {self.table}"


class Mark(NamedTuple):
    """A part that something rests on directly.

    A guarded one counts only by what goes wrong in that table itself. Most often rows are joined to it by
    columns of which a check holds that they are unique: what lies behind its rows can do no harm that the
    check does not find.
    """

    table: str
    column: str
    guarded: bool = False


Marks = frozenset[Mark]
NOTHING: Marks = frozenset()
Key = frozenset[str]


class Span(NamedTuple):
    """Columns of a relation where no two times overlap for one key: `until` is the next `since`, or NULL."""

    key: Key
    since: str
    until: str

    @property
    def columns(self) -> Key:
        return self.key | {self.since, self.until}

    def renamed(self, names: Mapping[str, str]) -> Span:
        """Give the same span under other names of its columns."""
        return Span(frozenset(names[name] for name in self.key), names[self.since], names[self.until])


def union(marks: Iterable[Marks]) -> Marks:
    """Put marks together."""
    return frozenset().union(*marks)


@dataclass(frozen=True)
class Shape:
    """What the columns and the rows of a relation rest on.

    `columns` are in their order, names in small letters; what a column rests on is told of a row that is
    there. `rest` is what a column rests on that is not among them; None when all are known. `is_open` tells
    that there may be more columns anywhere between them. `keys` are columns that tell rows apart, with what
    guards that, `spans` times that do not overlap. `table` is the name of a stored table.
    """

    columns: Mapping[str, Marks]
    rows: Marks = NOTHING
    rest: Marks | None = None
    is_open: bool = False
    keys: Mapping[Key, Marks] = field(default_factory=dict)
    table: str = ""
    spans: frozenset[Span] = frozenset()

    def column(self, name: str) -> Marks | None:
        """Give what a column rests on; None when there is no such column."""
        known = self.columns.get(name)
        if known is not None or self.rest is None:
            return known
        return self.rest | {Mark(self.table, name)} if self.table else self.rest

    @property
    def values(self) -> Marks:
        """What all columns rest on."""
        return union((*self.columns.values(), self.rest or NOTHING))

    @property
    def everything(self) -> Marks:
        """What columns and rows rest on."""
        return self.values | self.rows

    def loosened(self, marks: Marks) -> Shape:
        """Give the same columns where each may be NULL for want of a row, which rests on `marks`."""
        columns = {name: known | marks for name, known in self.columns.items()}
        rest = None if self.rest is None else self.rest | marks
        return Shape(columns, self.rows, rest, self.is_open, self.keys, self.table, self.spans)

    def renamed(self, names: list[str]) -> Shape:
        """Give the first columns other names."""
        if not names:
            return self
        if self.is_open:
            return Shape(dict.fromkeys(names, self.values), self.rows, self.values, True)
        before = list(self.columns)
        named = {**{name: name for name in before}, **dict(zip(before, names, strict=False))}
        return Shape(
            {named[name]: marks for name, marks in self.columns.items()},
            self.rows,
            None if len(names) >= len(before) else self.rest,
            keys={frozenset(named[name] for name in key): by for key, by in self.keys.items()},
            spans=frozenset(span.renamed(named) for span in self.spans),
        )


def opaque(marks: Marks) -> Shape:
    """Give a relation of which only this is known, that all of it rests on `marks`."""
    return Shape({}, marks, marks, True)


def stored(
    name: str, columns: Iterable[str], keys: Iterable[Iterable[str]] = (), made: Shape | None = None
) -> Shape:
    """Give the shape of a stored table; without columns, of one whose columns are not known.

    Of `keys` a check holds that they are unique; others follow from how it is `made`.
    """
    known = {column.lower(): frozenset({Mark(name, column)}) for column in columns}
    rows = frozenset({Mark(name, ROWS)})
    guard = frozenset({Mark(name, ROWS, guarded=True)})
    held = {key: guards | guard for key, guards in made.keys.items()} if made else {}
    held |= {frozenset(column.lower() for column in key): guard for key in keys}
    if known:
        return Shape(known, rows, keys=held, table=name, spans=made.spans if made else frozenset())
    return Shape({}, rows, frozenset({Mark(name, EVERY)}), True, held, name)
