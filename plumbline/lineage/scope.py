"""The names that an expression may use, and what they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from plumbline.lineage.parts import NOTHING, Marks, Shape, union

if TYPE_CHECKING:
    from sqlglot import exp


class Unresolved(Exception):
    """A name that stands for nothing known."""


@dataclass
class Found:
    """What a name may stand for; `certain` when nothing else can be meant."""

    marks: Marks = NOTHING
    hit: bool = False
    certain: bool = False

    def add(self, marks: Marks | None, *, certain: bool) -> None:
        """Add what it may stand for, if it is anything."""
        if marks is not None:
            self.marks |= marks
            self.hit = True
            self.certain |= certain


@dataclass
class Scope:
    """The sources of one SELECT, its own aliases and windows, and the SELECT around it.

    `merged` are columns that a join by USING made one; `bound` the variables of a list comprehension.
    """

    ctes: Mapping[str, Shape]
    parent: Scope | None = None
    sources: list[tuple[str, Shape]] = field(default_factory=list)
    aliases: dict[str, Marks] = field(default_factory=dict)
    merged: dict[str, Marks] = field(default_factory=dict)
    windows: dict[str, exp.Expr] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()

    def binding(self, names: frozenset[str]) -> Scope:
        """Give this scope with variables that are no columns."""
        return replace(self, bound=self.bound | names)

    @property
    def everything(self) -> Marks:
        """All that the sources of this SELECT rest on."""
        return union(shape.everything for _, shape in self.sources)

    @property
    def reachable(self) -> Marks:
        """All that the sources of this SELECT and of those around it rest on."""
        return self.everything | (self.parent.reachable if self.parent else NOTHING)

    def named(self, alias: str) -> list[Shape]:
        """Give the sources of that name."""
        return [shape for name, shape in self.sources if name == alias]

    def resolve(self, path: list[str]) -> Marks:
        """Give what `table.column`, `column`, or `column.field` stands for; raises Unresolved."""
        found, scope = Found(), self
        while True:
            if len(path) > 1:
                scope._look_for_qualified(path, found)
            else:
                scope._look_for_plain(path[0], found)
            if found.certain or scope.parent is None:
                break
            scope = scope.parent
        if not found.hit:
            raise Unresolved(".".join(path))
        return found.marks

    def _look_for_qualified(self, path: list[str], found: Found) -> None:
        *_, qualifier, name = path
        for shape in self.named(qualifier):
            found.add(shape.column(name), certain=name in shape.columns)
        if len(path) > 2:
            for shape in self.named(path[0]):
                found.add(shape.column(path[1]), certain=path[1] in shape.columns)
        if not found.certain:
            self._look_for_plain(path[0], found)

    def _look_for_plain(self, name: str, found: Found) -> None:
        if name in self.bound:
            found.add(NOTHING, certain=True)
        found.add(self.merged.get(name), certain=True)
        for _, shape in self.sources:
            found.add(shape.column(name), certain=name in shape.columns)
        found.add(self.aliases.get(name), certain=False)
        if not found.certain:
            for shape in self.named(name):  # a row as a value
                found.add(shape.everything, certain=False)
