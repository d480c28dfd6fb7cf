"""The plan of a statement: relations with one row per key, and formulas over their cells.

Every relation has the keys of the result. Cells of the same relation come from one pass over its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from plumbline.compiler.graph import Column
from plumbline.compiler.templates import Template
from plumbline.definitions import TIMES, Measure, Window

# Names beside those of a question and of definitions, none of which begins so.
MOMENT = "__moment"
ITEM = "__item"
ENTITY = "__entity"


@dataclass(frozen=True)
class Key:
    """A column of the result, and the element that it shows."""

    name: str
    column: Column

    @property
    def is_time(self) -> bool:
        """Whether it is the time by which the measure is aggregated."""
        return self.column.is_metric_time


@dataclass(frozen=True)
class Condition:
    """A filter, with the element that each of its references means for one model."""

    template: Template
    columns: tuple[Column, ...]

    @property
    def only_time(self) -> bool:
        """Whether it asks for nothing but the time of the measure."""
        return bool(self.columns) and all(column.is_metric_time for column in self.columns)

    @property
    def mixed(self) -> bool:
        """Whether it asks for the time of the measure together with something else."""
        return not self.only_time and any(column.is_metric_time for column in self.columns)


@dataclass(frozen=True)
class Shift:
    """Look at another period: a window earlier, or the first of a longer period."""

    window: Window | None = None
    to_grain: str = ""


@dataclass(frozen=True)
class Value:
    """An aggregate of a measure over the rows that meet the conditions."""

    measure: Measure
    conditions: tuple[Condition, ...] = ()

    def beyond(self, shared: Sequence[Condition]) -> list[Condition]:
        """Give the conditions that are not shared with other values."""
        return [item for item in self.conditions if item not in shared]


@dataclass(frozen=True)
class Snapshot:
    """Count only the rows of the first or last moment, per grouping and per period asked for."""

    moment: Column
    choice: str
    groupings: tuple[Column, ...]
    periods: tuple[str, ...]


@dataclass(frozen=True)
class Scan:
    """Rows of one model, with what they are joined to, aggregated by the keys."""

    model: str
    keys: tuple[Key, ...]
    time: Column
    range: tuple[str, str] | None = None
    shifts: tuple[Shift, ...] = ()
    conditions: tuple[Condition, ...] = ()
    snapshot: Snapshot | None = None
    # Scans of another number are not shared: values that need other rows are shown.
    own: int = 0


@dataclass(frozen=True)
class Spread:
    """Aggregated rows put beside the periods of the time spine: shifted, or with the holes in time kept."""

    source: Scan | Events
    shifts: tuple[Shift, ...]
    outer: bool
    conditions: tuple[Condition, ...] = ()
    kept: tuple[Condition, ...] = ()
    range: tuple[str, str] | None = None
    # The moments that are shown, as far as the question tells.
    shown: tuple[str, str] | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        return self.source.keys


@dataclass(frozen=True)
class Kept:
    """Those of the aggregated rows of other periods, too, whose own period is asked for."""

    source: Scan
    conditions: tuple[Condition, ...]
    range: tuple[str, str] | None

    @property
    def keys(self) -> tuple[Key, ...]:
        return self.source.keys

    @property
    def finest(self) -> Key:
        """The shortest of the periods asked for."""
        return min((key for key in self.keys if key.is_time), key=lambda key: TIMES.index(key.column.grain))


@dataclass(frozen=True)
class Running:
    """Totals up to each moment: of all time, of a window, or since a period began."""

    source: Scan
    measure: Measure
    keys: tuple[Key, ...]
    window: Window | None
    grain_to_date: str
    # How the moments of a longer period become one value: "", first, last or average.
    roll: str
    shifts: tuple[Shift, ...] = ()
    conditions: tuple[Condition, ...] = ()
    range: tuple[str, str] | None = None
    outer: bool = False
    fill: int | None = None

    @property
    def only_last(self) -> bool:
        """Whether the last moment of a period is its value: no other moment is needed then."""
        return self.roll == "last" and not any(item.mixed for item in self.conditions)


@dataclass(frozen=True)
class Events:
    """What followed an event of the same entity within a time, at the keys of that event."""

    base: Scan
    following: Scan
    measure: Measure
    entity: tuple[Column, Column]
    window: Window | None
    properties: tuple[tuple[Column, Column], ...] = ()
    # Nothing to count and no row are the same to whoever asks.
    sparse: bool = False

    @property
    def keys(self) -> tuple[Key, ...]:
        return self.base.keys

    @property
    def moments(self) -> tuple[Column, Column]:
        """When the event was and when what followed, both as exactly as the coarser of the two tells."""
        grain = max(self.base.time.base, self.following.time.base, key=TIMES.index)
        return replace(self.base.time, grain=grain), replace(self.following.time, grain=grain)


Relation = Scan | Spread | Kept | Running | Events


@dataclass(frozen=True)
class Cell:
    """One value of a relation."""

    relation: Relation
    value: Value


@dataclass(frozen=True)
class Fill:
    """A value, or this number where there is none."""

    node: Node
    number: int


@dataclass(frozen=True)
class Ratio:
    """Numerator divided by denominator; an empty denominator gives no value."""

    numerator: Node
    denominator: Node


@dataclass(frozen=True)
class Formula:
    """An expression over named inputs."""

    expr: str
    inputs: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Beside:
    """A value that also has a row where another one has."""

    node: Node
    other: Node


Node = Cell | Fill | Ratio | Formula | Beside


@dataclass(frozen=True)
class Plan:
    """The columns of the result as trees over cells, in the order asked for."""

    keys: tuple[str, ...]
    outputs: Mapping[str, Node]
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    columns: tuple[str, ...] = field(default=())
    where: tuple[Template, ...] = ()
    # Other names by which the question knows columns of the result, and the names that it wants them to have.
    known_as: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell of the trees, in order, once."""
        return tuple(dict.fromkeys(leaf for node in self.outputs.values() for leaf in leaves(node)))

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Every relation that has a cell, in order, once."""
        return tuple(dict.fromkeys(cell.relation for cell in self.cells))


def leaves(node: Node) -> Iterator[Cell]:
    """Give the cells of a tree, in order."""
    match node:
        case Cell():
            yield node
        case Fill(inner):
            yield from leaves(inner)
        case Ratio(above, below) | Beside(above, below):
            yield from leaves(above)
            yield from leaves(below)
        case Formula(_, inputs):
            for _, part in inputs:
                yield from leaves(part)
