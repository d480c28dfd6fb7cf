"""What figures rest on, from the question down to what landed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from plumbline.lineage.parts import EVERY, NOTHING, ROWS, Mark, Marks, Part

TIME = "metric_time"
# A metric, the group-bys of a question without its time, and its conditions.
Cell = tuple[str, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, order=True)
class Fallback:
    """A place where whole tables count as read, and why: `where` is a table or a question."""

    where: str
    why: str


@dataclass(frozen=True)
class Step:
    """One part on the way from a figure to its sources, and what it rests on directly."""

    part: Part
    rests_on: tuple[Part, ...]


def cell_of(metric: str, dimensions: Sequence[str] = (), where: Sequence[str] = ()) -> Cell:
    """Name a question in one way: its time left out, dimensions and conditions in order."""
    kept = {name for name in dimensions if name.split("__")[0] != TIME}
    return metric, tuple(sorted(kept)), tuple(sorted(set(where)))


class Lineage:
    """Which parts can change which parts and which figures.

    `edges` are what each part rests on directly, `cells` what those questions rest on that were read already;
    `ask` reads another one. `fallbacks` tells where whole tables count as read.
    """

    def __init__(
        self,
        edges: Mapping[Part, Marks],
        cells: Mapping[Cell, Marks] | None = None,
        fallbacks: Iterable[Fallback] = (),
        ask: Callable[[Cell], Marks] | None = None,
    ) -> None:
        self.edges = edges
        self.fallbacks = tuple(sorted(fallbacks))
        self._cells = dict(cells or {})
        self._ask = ask

    @property
    def cells(self) -> Mapping[Cell, Marks]:
        """What the questions rest on directly that were asked for so far."""
        return self._cells

    def upstream(self, part: Part) -> frozenset[Part]:
        """Give all parts that can change a part, itself included, down to what landed."""
        part = self._known(part)
        return self._closure((Mark(part.table, part.column), Mark(part.table, ROWS)))

    def of_metric(
        self, metric: str, dimensions: Sequence[str] = (), where: Sequence[str] = ()
    ) -> frozenset[Part]:
        """Give all parts that can change a metric by some dimensions, its periods included.

        Raises DefinitionError for what cannot be asked.
        """
        return self._closure(self.direct(metric, dimensions, where))

    def direct(self, metric: str, dimensions: Sequence[str] = (), where: Sequence[str] = ()) -> Marks:
        """Give what a metric reads itself, of the marts."""
        cell = cell_of(metric, dimensions, where)
        if cell not in self._cells:
            if self._ask is None:
                raise LookupError(f"nothing is known of {cell}")
            self._cells[cell] = self._ask(cell)
        return self._cells[cell]

    def affected(
        self, parts: Collection[Part], cells: Iterable[Cell], settled: Collection[str] = ()
    ) -> list[Cell]:
        """Give the cells that one of the parts can change, in their order.

        Tables that are `settled` hand nothing on: somebody knows that they are as they should be, whatever
        they were built from.
        """
        first = self._first(parts)
        harmed = self._downstream(first, frozenset(settled))
        return [
            cell
            for cell in cells
            if any(
                Part(mark.table, mark.column) in (first if mark.guarded else harmed)
                for mark in self.direct(*cell)
            )
        ]

    def harmed(self, parts: Collection[Part]) -> frozenset[Part]:
        """Give all parts that some parts can change, themselves included."""
        return self._downstream(self._first(parts), frozenset())

    def spoiled_with(self, table: str, columns: Collection[str]) -> frozenset[str]:
        """Give the columns of a table that may be wrong in the same rows as some, for a common cause.

        The columns themselves are among them. Where the cause may decide which rows are joined, all are.
        """
        wrong = [self._known(Part(table, column)) for column in columns]
        known = {part.column for part in self.edges if part.table == wrong[0].table} - {ROWS}
        suspects = self._causes(wrong)
        suspects |= {other for part in suspects for other in self._joined_with(part)}
        is_joined = suspects & self._deciding(wrong[0].table)
        if is_joined or any(part.column == EVERY for part in suspects):
            return frozenset({*columns, *known})
        shared = (name for name in known if suspects & self._causes([Part(wrong[0].table, name)]))
        return frozenset({*columns, *shared})

    def _joined_with(self, part: Part) -> Iterator[Part]:
        """Give the columns of a join that come from the same tables as one: a wrong key spoils them all."""
        own = {name: self._sources(name) for name in self._columns_of.get(part.table, ())}
        deciding = {mark.table for mark in self.edges.get(Part(part.table, ROWS), NOTHING) if mark.column}
        if len(deciding & set().union(*own.values())) > 1:
            yield from (other for other, tables in own.items() if tables & own.get(part, set()))

    def _sources(self, part: Part) -> set[str]:
        """Name the tables that a column is taken from, but for what has landed: that is joined to nothing."""
        marks = (mark for mark in self.edges.get(part, NOTHING) if mark.column and not mark.guarded)
        return {mark.table for mark in marks if Part(mark.table, ROWS) in self.edges}

    @cached_property
    def _columns_of(self) -> Mapping[str, list[Part]]:
        found: dict[str, list[Part]] = {}
        for part in self.edges:
            if part.column != ROWS:
                found.setdefault(part.table, []).append(part)
        return found

    def over_rows(self, table: str, columns: Collection[str]) -> frozenset[str]:
        """Name those columns of a table that rest on several rows, so that one wrong row spoils others."""
        parts = ((name, self._known(Part(table, name))) for name in columns)
        return frozenset(
            name
            for name, part in parts
            if any(mark.column == ROWS and not mark.guarded for mark in self.edges.get(part, NOTHING))
        )

    def _deciding(self, table: str) -> set[Part]:
        """Give the columns that decide about rows of a table, and of those that its rows come from.

        Further back, what has landed is told apart by its cells, and joined to nothing. So it is where
        another form of the table, which gives the same, reads what lies between.
        """
        own = Part(table, ROWS)
        between = (Part(mark.table, ROWS) for mark in self.edges.get(own, NOTHING) if mark.guarded)
        is_direct = not any(rows in self.edges for rows in between)
        waiting, found = [own], set[Part]()
        while waiting:
            rows = waiting.pop()
            for mark in self.edges.get(rows, NOTHING):
                part = Part(mark.table, mark.column)
                is_made = (is_direct and rows == own) or Part(mark.table, ROWS) in self.edges
                if not mark.guarded and is_made and part not in found:
                    found.add(part)
                    waiting += [part] if part.column == ROWS else []
        return {part for part in found if part.column != ROWS}

    def _causes(self, parts: Iterable[Part]) -> set[Part]:
        """Give the columns that the values of some rest on, themselves included."""
        waiting = list(parts)
        found = set(waiting)
        while waiting:
            for mark in self.edges.get(waiting.pop(), NOTHING):
                part = Part(mark.table, mark.column)
                if not mark.guarded and part.column != ROWS and part not in found:
                    found.add(part)
                    waiting.append(part)
        return found

    def _first(self, parts: Collection[Part]) -> set[Part]:
        return {self._known(part) for part in parts} | {Part(part.table, EVERY) for part in parts}

    def path(
        self, metric: str, dimensions: Sequence[str] = (), where: Sequence[str] = ()
    ) -> tuple[Step, ...]:
        """Give the way from a metric to what landed: what it reads, then what that rests on, and so on.

        The first step stands for the metric: its table is ''.
        """
        steps = [_step(Part("", metric), self.direct(metric, dimensions, where))]
        seen = {Part("", metric)}
        for step in steps:
            for part in step.rests_on:
                if part not in seen:
                    seen.add(part)
                    steps.append(_step(part, self.edges.get(part, NOTHING)))
        return tuple(steps)

    def _closure(self, marks: Iterable[Mark]) -> frozenset[Part]:
        found: set[Part] = set()
        guarded: set[Part] = set()
        waiting = list(marks)
        while waiting:
            mark = waiting.pop()
            part = Part(mark.table, mark.column)
            if mark.guarded:
                guarded.add(part)
            elif part not in found:
                found.add(part)
                waiting += self.edges.get(part, NOTHING)
        return frozenset(found | guarded)

    def _downstream(self, first: Collection[Part], settled: Collection[str]) -> frozenset[Part]:
        """Give all parts that these can change, themselves included."""
        found = set(first)
        waiting = [user for part in first for user in self._guarded_users.get(part, ())]
        waiting += [user for part in first for user in self._users.get(part, ())]
        while waiting:
            part = waiting.pop()
            if part not in found and part.table not in settled:
                found.add(part)
                waiting += self._users.get(part, ())
        return frozenset(found)

    @cached_property
    def _users(self) -> Mapping[Part, list[Part]]:
        return self._reversed(guarded=False)

    @cached_property
    def _guarded_users(self) -> Mapping[Part, list[Part]]:
        return self._reversed(guarded=True)

    def _reversed(self, *, guarded: bool) -> dict[Part, list[Part]]:
        found: dict[Part, list[Part]] = {}
        for user, marks in self.edges.items():
            for mark in marks:
                if mark.guarded == guarded:
                    found.setdefault(Part(mark.table, mark.column), []).append(user)
        return found

    @cached_property
    def _spellings(self) -> Mapping[tuple[str, str], Part]:
        parts = {Part(mark.table, mark.column) for marks in self.edges.values() for mark in marks}
        return {(part.table.lower(), part.column.lower()): part for part in parts | self.edges.keys()}

    def _known(self, part: Part) -> Part:
        """Spell a part as the tables spell it."""
        return self._spellings.get((part.table.lower(), part.column.lower()), part)


def _step(part: Part, marks: Marks) -> Step:
    """A guarded mark adds nothing that is to be seen: its table is on the way where its values are used."""
    return Step(part, tuple(sorted(Part(mark.table, mark.column) for mark in marks if not mark.guarded)))
